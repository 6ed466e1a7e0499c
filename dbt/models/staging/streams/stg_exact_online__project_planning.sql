{{ config(enabled=is_loaded('sync_project_project_planning')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as project_planning_id,
  {{ identifier('r.account') }} as account_id,
  {{ present('sync_crm_accounts', 'account_now.account_code', 'trim(r.account_code)') }} as account_code,
  {{ present('sync_crm_accounts', 'account_now.account_name', 'r.account_name') }} as account_name,
  r.bgt_status,
  r.communication_error_status,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  r.custom_field,
  r.description,
  {{ identifier('r.employee') }} as employee_id,
  trim(r.employee_code) as employee_code,
  r.employee_hid,
  cast(r.end_date as date) as end_date,
  {{ quantity('r.hours') }} as hours,
  {{ identifier('r.hour_type') }} as hour_type_id,
  trim(r.hour_type_code) as hour_type_code,
  r.hour_type_description,
  r.is_broken_recurrence,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  r.over_allocate,
  {{ identifier('r.project') }} as project_id,
  {{ present('sync_project_projects', 'project_now.code', 'trim(r.project_code)') }} as project_code,
  {{ present('sync_project_projects', 'project_now.description', 'r.project_description') }} as project_description,
  {{ identifier('r.project_planning_recurring') }} as project_planning_recurring_id,
  {{ identifier('r.project_wbs') }} as project_wbs_id,
  {{ present('sync_project_project_wbs', 'project_wbs_now.description', 'r.project_wbs_description') }} as project_wbs_description,
  cast(r.start_date as date) as start_date,
  r.status,
  r.type
from {{ live_rows('sync_project_project_planning') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as account_now
  on account_now.division = r.division and account_now.account_id = {{ identifier('r.account') }}
{% endif -%}
{% if is_loaded('sync_project_projects') -%}
left join {{ ref('stg_exact_online__projects') }} as project_now
  on project_now.division = r.division and project_now.project_id = {{ identifier('r.project') }}
{% endif -%}
{% if is_loaded('sync_project_project_wbs') -%}
left join {{ ref('stg_exact_online__project_wbs') }} as project_wbs_now
  on project_wbs_now.division = r.division and project_wbs_now.project_wbs_id = {{ identifier('r.project_wbs') }}
{% endif -%}

{{ config(enabled=is_loaded('sync_project_time_cost_transactions')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as time_cost_transaction_id,
  {{ identifier('r.account') }} as account_id,
  {{ present('sync_crm_accounts', 'account_now.account_name', 'r.account_name') }} as account_name,
  {{ amount('r.amount_fc') }} as amount_fc,
  {{ identifier('r.attachment') }} as attachment_id,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  trim(r.currency) as currency,
  r.custom_field,
  cast(r.date as date) as date,
  {{ identifier('r.employee') }} as employee_id,
  r.end_time,
  r.entry_number,
  r.error_text,
  r.hour_status,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  r.item_divisable,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  {{ quantity('r.price_fc') }} as price_fc,
  {{ identifier('r.project') }} as project_id,
  {{ identifier('r.project_account') }} as project_account_id,
  {{ present('sync_crm_accounts', 'project_account_now.account_code', 'trim(r.project_account_code)') }} as project_account_code,
  {{ present('sync_crm_accounts', 'project_account_now.account_name', 'r.project_account_name') }} as project_account_name,
  {{ present('sync_project_projects', 'project_now.code', 'trim(r.project_code)') }} as project_code,
  {{ present('sync_project_projects', 'project_now.description', 'r.project_description') }} as project_description,
  {{ quantity('r.quantity') }} as quantity,
  r.start_time,
  {{ identifier('r.subscription') }} as subscription_id,
  {{ identifier('r.subscription_account') }} as subscription_account_id,
  {{ present('sync_crm_accounts', 'subscription_account_now.account_code', 'trim(r.subscription_account_code)') }} as subscription_account_code,
  {{ present('sync_crm_accounts', 'subscription_account_now.account_name', 'r.subscription_account_name') }} as subscription_account_name,
  {{ present('sync_subscription_subscriptions', 'subscription_now.description', 'r.subscription_description') }} as subscription_description,
  r.subscription_number,
  r.type,
  {{ identifier('r.wbs') }} as wbs_id,
  r.wbs_description
from {{ live_rows('sync_project_time_cost_transactions') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as account_now
  on account_now.division = r.division and account_now.account_id = {{ identifier('r.account') }}
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}
{% if is_loaded('sync_project_projects') -%}
left join {{ ref('stg_exact_online__projects') }} as project_now
  on project_now.division = r.division and project_now.project_id = {{ identifier('r.project') }}
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as project_account_now
  on project_account_now.division = r.division and project_account_now.account_id = {{ identifier('r.project_account') }}
{% endif -%}
{% if is_loaded('sync_subscription_subscriptions') -%}
left join {{ ref('stg_exact_online__subscriptions') }} as subscription_now
  on subscription_now.division = r.division and subscription_now.subscription_id = {{ identifier('r.subscription') }}
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as subscription_account_now
  on subscription_account_now.division = r.division and subscription_account_now.account_id = {{ identifier('r.subscription_account') }}
{% endif -%}

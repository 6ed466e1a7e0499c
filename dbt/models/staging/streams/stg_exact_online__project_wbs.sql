{{ config(enabled=is_loaded('sync_project_project_wbs')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as project_wbs_id,
  r.block_entry,
  r.block_rebilling,
  {{ quantity('r.budgeted_cost') }} as budgeted_cost,
  {{ quantity('r.budgeted_hours') }} as budgeted_hours,
  {{ quantity('r.budgeted_quantity') }} as budgeted_quantity,
  {{ quantity('r.budgeted_revenue') }} as budgeted_revenue,
  r.budget_overrun_hours,
  r.completed,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  r.custom_field,
  {{ identifier('r.default_item') }} as default_item_id,
  r.default_item_is_mandatory,
  r.description,
  cast(r.end_date as date) as end_date,
  cast(r.invoice_date as date) as invoice_date,
  r.invoice_method,
  {{ quantity('r.markup_percentage') }} as markup_percentage,
  r.milestone,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  {{ identifier('r.part_of') }} as part_of_id,
  r.part_of_description,
  {{ identifier('r.project') }} as project_id,
  {{ present('sync_project_projects', 'project_now.description', 'r.project_description') }} as project_description,
  {{ identifier('r.project_term') }} as project_term_id,
  r.project_term_description,
  {{ quantity('r.purchase_price') }} as purchase_price,
  r.sequence_number,
  cast(r.start_date as date) as start_date,
  {{ identifier('r.supplier') }} as supplier_id,
  {{ quantity('r.time_quantity_to_alert') }} as time_quantity_to_alert,
  r.type
from {{ live_rows('sync_project_project_wbs') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_project_projects') -%}
left join {{ ref('stg_exact_online__projects') }} as project_now
  on project_now.division = r.division and project_now.project_id = {{ identifier('r.project') }}
{% endif -%}

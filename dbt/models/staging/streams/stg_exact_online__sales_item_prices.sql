{{ config(enabled=is_loaded('sync_logistics_sales_item_prices')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as sales_item_price_id,
  {{ identifier('r.account') }} as account_id,
  {{ present('sync_crm_accounts', 'account_now.account_name', 'r.account_name') }} as account_name,
  r.barcode,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  trim(r.currency) as currency,
  r.default_item_unit,
  r.default_item_unit_description,
  {{ identifier('r.employee') }} as employee_id,
  cast(r.end_date as date) as end_date,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  {{ quantity('r.number_of_items_per_unit') }} as number_of_items_per_unit,
  {{ quantity('r.price') }} as price,
  {{ identifier('r.project') }} as project_id,
  {{ present('sync_project_projects', 'project_now.description', 'r.project_description') }} as project_description,
  {{ quantity('r.quantity') }} as quantity,
  cast(r.start_date as date) as start_date,
  trim(r.unit) as unit,
  r.unit_description
from {{ live_rows('sync_logistics_sales_item_prices') }} as r
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

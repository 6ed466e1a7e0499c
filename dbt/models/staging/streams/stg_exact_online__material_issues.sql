{{ config(enabled=is_loaded('sync_manufacturing_material_issues')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.stock_transaction_id') }} as material_issue_id,
  {{ identifier('r.created_by') }} as created_by_id,
  r.created_by_full_name,
  r.created_date,
  {{ identifier('r.draft_stock_transaction_id') }} as draft_stock_transaction_id,
  r.has_reversible_quantity,
  r.is_backflush,
  r.is_batch,
  r.is_fraction_allowed_item,
  r.is_issue_from_child,
  r.is_serial,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  r.item_picture_url,
  r.note,
  {{ quantity('r.quantity') }} as quantity,
  {{ identifier('r.related_stock_transaction') }} as related_stock_transaction_id,
  {{ identifier('r.shop_order') }} as shop_order_id,
  {{ identifier('r.shop_order_material_plan') }} as shop_order_material_plan_id,
  r.shop_order_number,
  {{ identifier('r.storage_location') }} as storage_location_id,
  trim(r.storage_location_code) as storage_location_code,
  r.storage_location_description,
  cast(r.transaction_date as date) as transaction_date,
  trim(r.unit) as unit,
  r.unit_description,
  {{ identifier('r.warehouse') }} as warehouse_id,
  trim(r.warehouse_code) as warehouse_code,
  r.warehouse_description
from {{ live_rows('sync_manufacturing_material_issues', key='stock_transaction_id', modified=none) }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}

{{ config(enabled=is_loaded('sync_inventory_storage_location_stock_positions')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as storage_location_stock_position_id,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  {{ quantity('r.quantity_to_picked') }} as quantity_to_picked,
  {{ quantity('r.reserved_pick') }} as reserved_pick,
  {{ quantity('r.serial_batch_reserved_stock') }} as serial_batch_reserved_stock,
  {{ quantity('r.stock') }} as stock,
  {{ identifier('r.storage_location') }} as storage_location_id,
  trim(r.storage_location_code) as storage_location_code,
  r.storage_location_description,
  trim(r.unit_code) as unit_code,
  r.unit_description,
  {{ identifier('r.warehouse') }} as warehouse_id,
  trim(r.warehouse_code) as warehouse_code,
  r.warehouse_description
from {{ live_rows('sync_inventory_storage_location_stock_positions', modified=none) }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}

{{ config(enabled=is_loaded('sync_inventory_item_warehouses')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as item_warehouse_id,
  r.counting_cycle,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  {{ identifier('r.default_storage_location') }} as default_storage_location_id,
  trim(r.default_storage_location_code) as default_storage_location_code,
  r.default_storage_location_description,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  {{ quantity('r.maximum_stock') }} as maximum_stock,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.order_policy,
  r.period,
  {{ quantity('r.reorder_point') }} as reorder_point,
  {{ quantity('r.reorder_quantity') }} as reorder_quantity,
  r.replenishment_type,
  {{ quantity('r.reserved_stock') }} as reserved_stock,
  {{ quantity('r.safety_stock') }} as safety_stock,
  r.storage_location_sequence_number,
  {{ identifier('r.warehouse') }} as warehouse_id,
  trim(r.warehouse_code) as warehouse_code,
  r.warehouse_description
from {{ live_rows('sync_inventory_item_warehouses') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}

{{ config(enabled=is_loaded('sync_inventory_stock_positions')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as stock_position_id,
  {{ quantity('r.current_stock') }} as current_stock,
  {{ quantity('r.free_stock') }} as free_stock,
  trim(r.item_code) as item_code,
  r.item_description,
  {{ identifier('r.item_id') }} as item_id,
  {{ quantity('r.planning_in') }} as planning_in,
  {{ quantity('r.planning_out') }} as planning_out,
  {{ quantity('r.projected_stock') }} as projected_stock,
  {{ quantity('r.reorder_point') }} as reorder_point,
  {{ quantity('r.reserved_stock') }} as reserved_stock,
  trim(r.unit_code) as unit_code,
  r.unit_description,
  {{ identifier('r.warehouse') }} as warehouse_id,
  trim(r.warehouse_code) as warehouse_code,
  r.warehouse_description
from {{ live_rows('sync_inventory_stock_positions', modified=none) }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}

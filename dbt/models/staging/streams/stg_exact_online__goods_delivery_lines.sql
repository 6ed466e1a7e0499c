{{ config(enabled=is_loaded('sync_sales_order_goods_delivery_lines')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as goods_delivery_line_id,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  trim(r.customer_item_code) as customer_item_code,
  cast(r.delivery_date as date) as delivery_date,
  r.description,
  {{ identifier('r.entry_id') }} as entry_id,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  r.line_number,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  {{ quantity('r.quantity_delivered') }} as quantity_delivered,
  {{ quantity('r.quantity_ordered') }} as quantity_ordered,
  {{ identifier('r.sales_order_line_id') }} as sales_order_line_id,
  r.sales_order_line_number,
  r.sales_order_number,
  {{ identifier('r.storage_location') }} as storage_location_id,
  trim(r.storage_location_code) as storage_location_code,
  r.storage_location_description,
  r.tracking_number,
  trim(r.unitcode) as unitcode
from {{ live_rows('sync_sales_order_goods_delivery_lines') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}

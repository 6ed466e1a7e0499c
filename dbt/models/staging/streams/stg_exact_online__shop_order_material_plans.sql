{{ config(enabled=is_loaded('sync_manufacturing_shop_order_material_plans')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as shop_order_material_plan_id,
  r.backflush,
  r.barcode,
  r.calculator_type,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  r.description,
  r.detail_drawing,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  {{ identifier('r.item_material') }} as item_material_id,
  r.item_picture_url,
  r.line_number,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  {{ amount('r.planned_amount_fc') }} as planned_amount_fc,
  cast(r.planned_date as date) as planned_date,
  {{ quantity('r.planned_price_fc') }} as planned_price_fc,
  {{ quantity('r.planned_quantity') }} as planned_quantity,
  {{ quantity('r.planned_quantity_factor') }} as planned_quantity_factor,
  {{ identifier('r.routing_step_id') }} as routing_step_id,
  {{ identifier('r.shop_order') }} as shop_order_id,
  r.status,
  r.status_description,
  r.type,
  trim(r.unit) as unit,
  r.unit_description,
  {{ quantity('r.waste_percentage') }} as waste_percentage
from {{ live_rows('sync_manufacturing_shop_order_material_plans') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}

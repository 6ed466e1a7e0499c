{{ config(enabled=is_loaded('sync_manufacturing_bill_of_material_materials')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as bill_of_material_material_id,
  r.backflush,
  r.calculator_type,
  {{ quantity('r.cost_batch') }} as cost_batch,
  trim(r.cost_center) as cost_center,
  {{ present('hrm_costcenters', 'cost_center_now.description', 'r.cost_center_description') }} as cost_center_description,
  trim(r.cost_unit) as cost_unit,
  {{ present('hrm_costunits', 'cost_unit_now.description', 'r.cost_unit_description') }} as cost_unit_description,
  r.creator_full_name,
  r.description,
  r.detail_drawing,
  {{ identifier('r.item_version') }} as item_version_id,
  r.line_number,
  {{ quantity('r.net_weight') }} as net_weight,
  r.net_weight_unit,
  r.notes,
  {{ identifier('r.part_item') }} as part_item_id,
  {{ quantity('r.part_item_average_cost') }} as part_item_average_cost,
  {{ present('sync_logistics_items', 'part_item_now.item_code', 'trim(r.part_item_code)') }} as part_item_code,
  {{ quantity('r.part_item_cost_price_standard') }} as part_item_cost_price_standard,
  {{ present('sync_logistics_items', 'part_item_now.item', 'r.part_item_description') }} as part_item_description,
  {{ quantity('r.quantity') }} as quantity,
  {{ quantity('r.quantity_batch') }} as quantity_batch,
  {{ identifier('r.routing_step_id') }} as routing_step_id,
  r.syscreated,
  {{ identifier('r.syscreator') }} as syscreator_id,
  r.sysmodified,
  {{ identifier('r.sysmodifier') }} as sysmodifier_id,
  r.type,
  {{ quantity('r.waste_percentage') }} as waste_percentage
from {{ live_rows('sync_manufacturing_bill_of_material_materials', modified='sysmodified') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('hrm_costcenters') -%}
left join {{ ref('stg_exact_online__cost_centers') }} as cost_center_now
  on cost_center_now.division = r.division and cost_center_now.code = trim(r.cost_center)
{% endif -%}
{% if is_loaded('hrm_costunits') -%}
left join {{ ref('stg_exact_online__cost_units') }} as cost_unit_now
  on cost_unit_now.division = r.division and cost_unit_now.code = trim(r.cost_unit)
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as part_item_now
  on part_item_now.division = r.division and part_item_now.item_id = {{ identifier('r.part_item') }}
{% endif -%}

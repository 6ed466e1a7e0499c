{{ config(enabled=is_loaded('sync_manufacturing_shop_orders')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as shop_order_id,
  r.cad_drawing_url,
  trim(r.costcenter) as costcenter,
  {{ present('hrm_costcenters', 'costcenter_now.description', 'r.costcenter_description') }} as costcenter_description,
  trim(r.costunit) as costunit,
  {{ present('hrm_costunits', 'costunit_now.description', 'r.costunit_description') }} as costunit_description,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  r.description,
  cast(r.entry_date as date) as entry_date,
  r.is_batch,
  r.is_fraction_allowed_item,
  r.is_in_planning,
  r.is_on_hold,
  r.is_released,
  r.is_serial,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  r.item_picture_url,
  {{ identifier('r.item_version') }} as item_version_id,
  r.item_version_description,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  cast(r.planned_date as date) as planned_date,
  {{ quantity('r.planned_quantity') }} as planned_quantity,
  cast(r.planned_start_date as date) as planned_start_date,
  {{ quantity('r.produced_quantity') }} as produced_quantity,
  r.production_lead_days,
  {{ identifier('r.project') }} as project_id,
  {{ present('sync_project_projects', 'project_now.description', 'r.project_description') }} as project_description,
  {{ quantity('r.ready_to_ship_quantity') }} as ready_to_ship_quantity,
  r.sales_order_line_count,
  {{ identifier('r.selection_code') }} as selection_code_id,
  trim(r.selection_code_code) as selection_code_code,
  r.selection_code_description,
  r.shop_order_by_product_plan_backflush_count,
  r.shop_order_by_product_plan_count,
  {{ identifier('r.shop_order_main') }} as shop_order_main_id,
  r.shop_order_main_number,
  r.shop_order_material_plan_backflush_count,
  r.shop_order_material_plan_count,
  r.shop_order_number,
  r.shop_order_number_string,
  {{ identifier('r.shop_order_parent') }} as shop_order_parent_id,
  r.shop_order_parent_number,
  r.shop_order_routing_step_plan_count,
  r.status,
  r.sub_shop_order_count,
  r.type,
  trim(r.unit) as unit,
  r.unit_description,
  {{ identifier('r.warehouse') }} as warehouse_id,
  r.your_ref
from {{ live_rows('sync_manufacturing_shop_orders') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('hrm_costcenters') -%}
left join {{ ref('stg_exact_online__cost_centers') }} as costcenter_now
  on costcenter_now.division = r.division and costcenter_now.code = trim(r.costcenter)
{% endif -%}
{% if is_loaded('hrm_costunits') -%}
left join {{ ref('stg_exact_online__cost_units') }} as costunit_now
  on costunit_now.division = r.division and costunit_now.code = trim(r.costunit)
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}
{% if is_loaded('sync_project_projects') -%}
left join {{ ref('stg_exact_online__projects') }} as project_now
  on project_now.division = r.division and project_now.project_id = {{ identifier('r.project') }}
{% endif -%}

{{ config(enabled=is_loaded('sync_manufacturing_shop_order_purchase_planning')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as shop_order_purchase_planning_id,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  {{ quantity('r.factor') }} as factor,
  r.factor_type,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  {{ identifier('r.purchase_order') }} as purchase_order_id,
  r.purchase_order_number,
  {{ quantity('r.quantity') }} as quantity,
  {{ identifier('r.shop_order') }} as shop_order_id,
  {{ identifier('r.shop_order_material_plan') }} as shop_order_material_plan_id,
  r.shop_order_number,
  {{ identifier('r.shop_order_routing_step_plan') }} as shop_order_routing_step_plan_id
from {{ live_rows('sync_manufacturing_shop_order_purchase_planning') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}

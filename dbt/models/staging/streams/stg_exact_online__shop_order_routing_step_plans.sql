{{ config(enabled=is_loaded('sync_manufacturing_shop_order_routing_step_plans')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as shop_order_routing_step_plan_id,
  {{ identifier('r.account') }} as account_id,
  {{ present('sync_crm_accounts', 'account_now.account_name', 'r.account_name') }} as account_name,
  r.account_number,
  {{ quantity('r.attended_percentage') }} as attended_percentage,
  r.backflush,
  {{ quantity('r.cost_per_item') }} as cost_per_item,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  r.description,
  {{ quantity('r.efficiency_percentage') }} as efficiency_percentage,
  r.factor_type,
  {{ identifier('r.item_routing_step') }} as item_routing_step_id,
  r.line_number,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  {{ identifier('r.operation') }} as operation_id,
  trim(r.operation_code) as operation_code,
  r.operation_description,
  {{ identifier('r.operation_resource') }} as operation_resource_id,
  cast(r.planned_end_date as date) as planned_end_date,
  {{ quantity('r.planned_run_hours') }} as planned_run_hours,
  {{ quantity('r.planned_setup_hours') }} as planned_setup_hours,
  cast(r.planned_start_date as date) as planned_start_date,
  {{ quantity('r.planned_total_hours') }} as planned_total_hours,
  r.purchase_unit,
  {{ quantity('r.purchase_unit_factor') }} as purchase_unit_factor,
  {{ quantity('r.purchase_unit_price_fc') }} as purchase_unit_price_fc,
  {{ quantity('r.purchase_unit_quantity') }} as purchase_unit_quantity,
  r.routing_step_type,
  {{ quantity('r.run') }} as run,
  r.run_method,
  r.run_method_description,
  {{ quantity('r.setup') }} as setup,
  r.setup_unit,
  {{ identifier('r.shop_order') }} as shop_order_id,
  r.status,
  r.status_description,
  r.subcontracted_lead_days,
  {{ quantity('r.total_cost_dc') }} as total_cost_dc,
  {{ identifier('r.workcenter') }} as workcenter_id,
  trim(r.workcenter_code) as workcenter_code,
  r.workcenter_description
from {{ live_rows('sync_manufacturing_shop_order_routing_step_plans') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as account_now
  on account_now.division = r.division and account_now.account_id = {{ identifier('r.account') }}
{% endif -%}

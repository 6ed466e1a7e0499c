{{ config(enabled=is_loaded('sync_sales_order_sales_order_lines')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as sales_order_line_row_id,
  {{ amount('r.amount_dc') }} as amount_dc,
  {{ amount('r.amount_fc') }} as amount_fc,
  trim(r.cost_center) as cost_center,
  {{ present('hrm_costcenters', 'cost_center_now.description', 'r.cost_center_description') }} as cost_center_description,
  {{ quantity('r.cost_price_fc') }} as cost_price_fc,
  trim(r.cost_unit) as cost_unit,
  {{ present('hrm_costunits', 'cost_unit_now.description', 'r.cost_unit_description') }} as cost_unit_description,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  trim(r.customer_item_code) as customer_item_code,
  r.custom_field,
  cast(r.delivery_date as date) as delivery_date,
  r.delivery_status,
  r.delivery_status_description,
  r.description,
  {{ quantity('r.discount') }} as discount,
  r.invoice_status,
  r.invoice_status_description,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  {{ identifier('r.item_version') }} as item_version_id,
  r.item_version_description,
  r.line_number,
  {{ quantity('r.margin') }} as margin,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  {{ quantity('r.net_price') }} as net_price,
  r.notes,
  {{ identifier('r.order_id') }} as order_id,
  r.order_number,
  {{ identifier('r.pricelist') }} as pricelist_id,
  r.pricelist_description,
  {{ identifier('r.project') }} as project_id,
  {{ present('sync_project_projects', 'project_now.code', 'trim(r.project_code)') }} as project_code,
  {{ present('sync_project_projects', 'project_now.description', 'r.project_description') }} as project_description,
  {{ identifier('r.purchase_order') }} as purchase_order_id,
  {{ identifier('r.purchase_order_line') }} as purchase_order_line_id,
  r.purchase_order_line_number,
  r.purchase_order_number,
  {{ quantity('r.quantity') }} as quantity,
  {{ quantity('r.quantity_delivered') }} as quantity_delivered,
  {{ quantity('r.quantity_invoiced') }} as quantity_invoiced,
  {{ identifier('r.shop_order') }} as shop_order_id,
  r.shop_order_number,
  r.status,
  r.status_description,
  trim(r.unit_code) as unit_code,
  r.unit_description,
  {{ quantity('r.unit_price') }} as unit_price,
  r.use_drop_shipment,
  {{ amount('r.vat_amount') }} as vat_amount,
  trim(r.vat_code) as vat_code,
  {{ present('vat_vat_codes', 'vat_code_now.description', 'r.vat_code_description') }} as vat_code_description,
  {{ quantity('r.vat_percentage') }} as vat_percentage
from {{ live_rows('sync_sales_order_sales_order_lines') }} as r
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
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}
{% if is_loaded('sync_project_projects') -%}
left join {{ ref('stg_exact_online__projects') }} as project_now
  on project_now.division = r.division and project_now.project_id = {{ identifier('r.project') }}
{% endif -%}
{% if is_loaded('vat_vat_codes') -%}
left join {{ ref('stg_exact_online__vat_codes') }} as vat_code_now
  on vat_code_now.division = r.division and vat_code_now.code = trim(r.vat_code)
{% endif -%}

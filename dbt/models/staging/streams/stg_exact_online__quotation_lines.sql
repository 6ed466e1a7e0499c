{{ config(enabled=is_loaded('sync_crm_quotation_lines')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as quotation_line_id,
  {{ amount('r.amount_dc') }} as amount_dc,
  {{ amount('r.amount_discount') }} as amount_discount,
  {{ amount('r.amount_discount_excl_vat') }} as amount_discount_excl_vat,
  {{ amount('r.amount_fc') }} as amount_fc,
  trim(r.cost_center) as cost_center,
  {{ present('hrm_costcenters', 'cost_center_now.description', 'r.cost_center_description') }} as cost_center_description,
  trim(r.cost_unit) as cost_unit,
  {{ present('hrm_costunits', 'cost_unit_now.description', 'r.cost_unit_description') }} as cost_unit_description,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  trim(r.customer_item_code) as customer_item_code,
  r.custom_field,
  r.description,
  {{ quantity('r.discount') }} as discount,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  r.line_number,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  {{ quantity('r.net_price') }} as net_price,
  r.notes,
  r.optional,
  {{ quantity('r.quantity') }} as quantity,
  {{ identifier('r.quotation_id') }} as quotation_id,
  r.quotation_number,
  trim(r.unit_code) as unit_code,
  r.unit_description,
  {{ quantity('r.unit_price') }} as unit_price,
  {{ amount('r.vat_amount_fc') }} as vat_amount_fc,
  trim(r.vat_code) as vat_code,
  {{ present('vat_vat_codes', 'vat_code_now.description', 'r.vat_description') }} as vat_description,
  {{ quantity('r.vat_percentage') }} as vat_percentage
from {{ live_rows('sync_crm_quotation_lines') }} as r
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
{% if is_loaded('vat_vat_codes') -%}
left join {{ ref('stg_exact_online__vat_codes') }} as vat_code_now
  on vat_code_now.division = r.division and vat_code_now.code = trim(r.vat_code)
{% endif -%}

{{ config(enabled=is_loaded('sync_logistics_supplier_item')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as supplier_item_id,
  r.barcode,
  r.copy_remarks,
  r.country_of_origin,
  r.country_of_origin_description,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  trim(r.currency) as currency,
  r.currency_description,
  r.drop_shipment,
  cast(r.end_date as date) as end_date,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  {{ identifier('r.item_unit') }} as item_unit_id,
  trim(r.item_unit_code) as item_unit_code,
  r.item_unit_description,
  r.main_supplier,
  {{ quantity('r.minimum_quantity') }} as minimum_quantity,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  r.purchase_lead_time,
  r.purchase_lot_size,
  {{ quantity('r.purchase_price') }} as purchase_price,
  r.purchase_unit,
  r.purchase_unit_description,
  {{ quantity('r.purchase_unit_factor') }} as purchase_unit_factor,
  trim(r.purchase_vat_code) as purchase_vat_code,
  r.purchase_vat_code_description,
  cast(r.start_date as date) as start_date,
  {{ identifier('r.supplier') }} as supplier_id,
  {{ present('sync_crm_accounts', 'supplier_now.account_code', 'trim(r.supplier_code)') }} as supplier_code,
  {{ present('sync_crm_accounts', 'supplier_now.account_name', 'r.supplier_description') }} as supplier_description,
  trim(r.supplier_item_code) as supplier_item_code
from {{ live_rows('sync_logistics_supplier_item') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as supplier_now
  on supplier_now.division = r.division and supplier_now.account_id = {{ identifier('r.supplier') }}
{% endif -%}

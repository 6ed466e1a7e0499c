{{ config(enabled=is_loaded('sync_manufacturing_bill_of_material_versions')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as bill_of_material_version_id,
  {{ quantity('r.batch_quantity') }} as batch_quantity,
  r.cad_drawing_url,
  {{ quantity('r.calculated_cost_price') }} as calculated_cost_price,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  r.description,
  r.is_default,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  r.order_lead_days,
  r.production_lead_days,
  r.status,
  r.status_description,
  r.type,
  r.type_description,
  cast(r.version_date as date) as version_date,
  r.version_number
from {{ live_rows('sync_manufacturing_bill_of_material_versions') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}

{{ config(enabled=is_loaded('sync_sales_sales_price_list_volume_discounts')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as price_list_volume_discount_id,
  {{ identifier('r.base_price') }} as base_price_id,
  {{ quantity('r.base_price_amount') }} as base_price_amount,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  {{ quantity('r.discount') }} as discount,
  r.entry_method,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  {{ identifier('r.item_group') }} as item_group_id,
  trim(r.item_group_code) as item_group_code,
  r.item_group_description,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  {{ quantity('r.new_price') }} as new_price,
  {{ quantity('r.number_of_items_per_unit') }} as number_of_items_per_unit,
  trim(r.price_list_code) as price_list_code,
  r.price_list_description,
  {{ identifier('r.price_list_period') }} as price_list_period_id,
  {{ quantity('r.quantity') }} as quantity,
  trim(r.unit) as unit,
  r.unit_description
from {{ live_rows('sync_sales_sales_price_list_volume_discounts') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}

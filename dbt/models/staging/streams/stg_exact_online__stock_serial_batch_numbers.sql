{{ config(enabled=is_loaded('sync_inventory_stock_serial_batch_numbers')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as stock_serial_batch_number_id,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  {{ identifier('r.draft_stock_transaction_location') }} as draft_stock_transaction_location_id,
  {{ identifier('r.draft_transaction_id') }} as draft_transaction_id,
  r.is_draft,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  {{ identifier('r.parent_id') }} as parent_id,
  {{ identifier('r.picklist_line') }} as picklist_line_id,
  {{ identifier('r.pick_order_line') }} as pick_order_line_id,
  {{ identifier('r.purchase_transaction') }} as purchase_transaction_id,
  {{ quantity('r.quantity') }} as quantity,
  r.remarks,
  {{ identifier('r.sales_order_line') }} as sales_order_line_id,
  {{ identifier('r.sales_return_line') }} as sales_return_line_id,
  {{ identifier('r.sales_transaction') }} as sales_transaction_id,
  {{ identifier('r.serial_batch_number') }} as serial_batch_number_id,
  {{ identifier('r.stock_count_line') }} as stock_count_line_id,
  {{ identifier('r.stock_transaction_id') }} as stock_transaction_id,
  {{ identifier('r.stock_transaction_location') }} as stock_transaction_location_id,
  r.stock_transaction_type,
  {{ identifier('r.storage_location') }} as storage_location_id,
  trim(r.storage_location_code) as storage_location_code,
  r.storage_location_description,
  {{ identifier('r.warehouse') }} as warehouse_id,
  trim(r.warehouse_code) as warehouse_code,
  r.warehouse_description,
  {{ identifier('r.warehouse_transfer_line') }} as warehouse_transfer_line_id
from {{ live_rows('sync_inventory_stock_serial_batch_numbers') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}

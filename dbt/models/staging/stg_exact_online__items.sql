{{ config(enabled=is_loaded('sync_logistics_items')) }}

select
  i.division,
  {{ identifier('i.id') }} as item_id,
  trim(i.code) as item_code,
  i.description as item,
  i.item_group_description as item_group,
  i.is_stock_item
from {{ live_rows('sync_logistics_items') }} as i

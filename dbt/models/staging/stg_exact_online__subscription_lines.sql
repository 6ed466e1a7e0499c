{{ config(enabled=is_loaded('sync_subscription_subscription_lines')) }}

select
  l.division,
  {{ identifier('l.id') }} as subscription_line_id,
  {{ identifier('l.entry_id') }} as subscription_id,
  l.line_number,
  {{ identifier('l.item') }} as item_id,
  cast(l.from_date as date) as from_date,
  cast(l.to_date as date) as to_date,
  {{ quantity('l.quantity') }} as quantity,
  {{ amount('l.amount_dc') }} as amount
from {{ live_rows('sync_subscription_subscription_lines') }} as l

{{ config(enabled=is_loaded('sync_subscription_subscriptions')) }}

select
  s.division,
  {{ identifier('s.entry_id') }} as subscription_id,
  s.number as subscription_number,
  s.description,
  {{ identifier('s.ordered_by') }} as account_id,
  cast(s.start_date as date) as start_date,
  cast(s.end_date as date) as end_date,
  cast(s.cancellation_date as date) as cancelled_on
from {{ live_rows('sync_subscription_subscriptions', key='entry_id') }} as s

{{ config(enabled=is_loaded('financial_reporting_balance')) }}

select
  b.division,
  b.id as balance_id,
  {{ identifier('b.gl_account') }} as gl_account_id,
  b.reporting_year,
  b.reporting_period,
  b.type as transaction_type,
  {{ amount('b.amount') }} as amount
from {{ live_rows('financial_reporting_balance', key=none) }} as b

{{ config(enabled=has_ledger()) }}

-- What was earned (positive) and spent (negative). Without the entries that close a period or a year.
select
  trial_balance_key as profit_and_loss_key,
  division,
  division_name,
  currency,
  financial_year,
  financial_period,
  gl_account_id,
  gl_account_code,
  gl_account,
  gl_type,
  gl_type_description,
  {{ amount('-movement_before_closing') }} as amount
from {{ ref('exact_online__trial_balance') }}
where balance_type = 'W'
  and movement_before_closing <> 0

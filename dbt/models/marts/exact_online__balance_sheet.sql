{{ config(enabled=has_ledger()) }}

-- What stands where at the end of each period, and one line for the result that no closing has moved to the equity yet.
with positions as (
  select
    division, division_name, currency, financial_year, financial_period,
    gl_account_id, gl_account_code, gl_account, gl_type, gl_type_description,
    closing_balance as balance
  from {{ ref('exact_online__trial_balance') }}
  where balance_type = 'B'
  union all
  select
    division, division_name, currency, financial_year, financial_period,
    'result' as gl_account_id,
    cast(null as {{ dbt.type_string() }}) as gl_account_code,
    'Result not yet closed' as gl_account,
    cast(null as {{ dbt.type_int() }}) as gl_type,
    cast(null as {{ dbt.type_string() }}) as gl_type_description,
    sum(closing_balance) as balance
  from {{ ref('exact_online__trial_balance') }}
  where balance_type = 'W'
  group by division, division_name, currency, financial_year, financial_period
)

select
  {{ surrogate_key(['division', 'gl_account_id', 'financial_year', 'financial_period']) }} as balance_sheet_key,
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
  {{ amount('balance') }} as balance
from positions
where balance <> 0

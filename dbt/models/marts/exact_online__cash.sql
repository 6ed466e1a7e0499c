{{ config(enabled=has_ledger()) }}

-- Cash (type 10) and bank (type 12) by calendar month.
with movements as (
  select
    division, division_name, currency, gl_account_id, gl_account_code, gl_account,
    {{ month_of('entry_date') }} as month,
    sum(debit) as received,
    sum(credit) as paid,
    sum(amount) as movement
  from {{ ref('exact_online__general_ledger') }}
  where gl_type in (10, 12)
  group by division, division_name, currency, gl_account_id, gl_account_code, gl_account, {{ month_of('entry_date') }}
),

summed as (
  select
    m.*,
    sum(m.movement) over (
      partition by m.division, m.gl_account_id order by m.month rows between unbounded preceding and current row
    ) as closing_balance
  from movements as m
)

select
  {{ surrogate_key(['division', 'gl_account_id', 'month']) }} as cash_key,
  division,
  division_name,
  currency,
  month,
  gl_account_id,
  gl_account_code,
  gl_account,
  {{ amount('closing_balance - movement') }} as opening_balance,
  {{ amount('received') }} as received,
  {{ amount('paid') }} as paid,
  {{ amount('closing_balance') }} as closing_balance
from summed

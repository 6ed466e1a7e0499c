{{ config(enabled=has_ledger()) }}

-- The administrations that keep their books in the same currency, added up by the code of the ledger account.
-- Nothing between them is eliminated.
with periods as (
  select distinct currency, financial_year, financial_period
  from {{ ref('exact_online__trial_balance') }}
),

accounts as (
  select currency, gl_account_code, max(gl_account) as gl_account, max(balance_type) as balance_type
  from {{ ref('exact_online__trial_balance') }}
  group by currency, gl_account_code
),

movements as (
  select
    currency,
    gl_account_code,
    financial_year,
    financial_period,
    sum(debit) as debit,
    sum(credit) as credit,
    sum(movement) as movement,
    sum(movement_before_closing) as movement_before_closing
  from {{ ref('exact_online__trial_balance') }}
  group by currency, gl_account_code, financial_year, financial_period
),

summed as (
  select
    a.currency,
    p.financial_year,
    p.financial_period,
    a.gl_account_code,
    a.gl_account,
    a.balance_type,
    coalesce(m.debit, 0) as debit,
    coalesce(m.credit, 0) as credit,
    coalesce(m.movement, 0) as movement,
    coalesce(m.movement_before_closing, 0) as movement_before_closing,
    sum(coalesce(m.movement, 0)) over (
      partition by a.currency, a.gl_account_code
      order by p.financial_year, p.financial_period
      rows between unbounded preceding and current row
    ) as closing_balance
  from accounts as a
  join periods as p
    on p.currency = a.currency
  left join movements as m
    on m.currency = a.currency
    and m.gl_account_code = a.gl_account_code
    and m.financial_year = p.financial_year
    and m.financial_period = p.financial_period
)

select
  {{ surrogate_key(['currency', 'gl_account_code', 'financial_year', 'financial_period']) }} as consolidated_key,
  currency,
  financial_year,
  financial_period,
  gl_account_code,
  gl_account,
  balance_type,
  {{ amount('debit') }} as debit,
  {{ amount('credit') }} as credit,
  {{ amount('movement') }} as movement,
  {{ amount('movement_before_closing') }} as movement_before_closing,
  {{ amount('closing_balance') }} as closing_balance
from summed

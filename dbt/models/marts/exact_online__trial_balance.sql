{{ config(enabled=has_ledger()) }}

-- Every account in every period, also where nothing moved: a balance holds until something changes it.
with periods as (
  select distinct division, financial_year, financial_period
  from {{ ref('exact_online__general_ledger') }}
),

accounts as (
  select distinct
    division, division_name, currency, gl_account_id, gl_account_code, gl_account, gl_type, gl_type_description, balance_type
  from {{ ref('exact_online__general_ledger') }}
),

movements as (
  select
    division,
    gl_account_id,
    financial_year,
    financial_period,
    sum(debit) as debit,
    sum(credit) as credit,
    sum(amount) as movement,
    sum(case when is_closing then 0 else amount end) as movement_before_closing
  from {{ ref('exact_online__general_ledger') }}
  group by division, gl_account_id, financial_year, financial_period
),

filled as (
  select
    a.division,
    a.division_name,
    a.currency,
    p.financial_year,
    p.financial_period,
    a.gl_account_id,
    a.gl_account_code,
    a.gl_account,
    a.gl_type,
    a.gl_type_description,
    a.balance_type,
    coalesce(m.debit, 0) as debit,
    coalesce(m.credit, 0) as credit,
    coalesce(m.movement, 0) as movement,
    coalesce(m.movement_before_closing, 0) as movement_before_closing
  from accounts as a
  join periods as p
    on p.division = a.division
  left join movements as m
    on m.division = a.division
    and m.gl_account_id = a.gl_account_id
    and m.financial_year = p.financial_year
    and m.financial_period = p.financial_period
),

summed as (
  select
    f.*,
    sum(f.movement) over (
      partition by f.division, f.gl_account_id
      order by f.financial_year, f.financial_period
      rows between unbounded preceding and current row
    ) as closing_balance
  from filled as f
)

select
  {{ surrogate_key(['division', 'gl_account_id', 'financial_year', 'financial_period']) }} as trial_balance_key,
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
  balance_type,
  {{ amount('closing_balance - movement') }} as opening_balance,
  {{ amount('debit') }} as debit,
  {{ amount('credit') }} as credit,
  {{ amount('movement') }} as movement,
  {{ amount('movement_before_closing') }} as movement_before_closing,
  {{ amount('closing_balance') }} as closing_balance
from summed

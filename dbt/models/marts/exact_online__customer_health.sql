{{ config(enabled=has_ledger() and has_open_items()) }}

-- What tells whether a customer is about to leave, as of `exact_online_as_of`: everybody who ever bought.
with purchases as (
  select
    division, division_name, currency, account_id, account_code, account_name, entry_id, entry_date,
    -sum(amount) as revenue
  from {{ ref('exact_online__general_ledger') }}
  where gl_type = 110
    and not is_closing
    and account_id is not null
    and entry_date <= {{ as_of() }}
  group by division, division_name, currency, account_id, account_code, account_name, entry_id, entry_date
),

rhythm as (
  select
    division, division_name, currency, account_id, account_code, account_name,
    min(entry_date) as first_purchase,
    max(entry_date) as last_purchase,
    count(distinct entry_date) as days_with_purchases,
    sum(case when entry_date > {{ days_before(365) }} then 1 else 0 end) as purchases_year,
    sum(case when entry_date > {{ days_before(365) }} then revenue else 0 end) as revenue_year,
    sum(case when entry_date > {{ days_before(730) }} and entry_date <= {{ days_before(365) }} then revenue else 0 end)
      as revenue_year_before
  from purchases
  group by division, division_name, currency, account_id, account_code, account_name
),

measured as (
  select
    r.*,
    {{ dbt.datediff('r.last_purchase', as_of(), 'day') }} as days_silent,
    {{ dbt.datediff('r.first_purchase', 'r.last_purchase', 'day') }} as days_between
  from rhythm as r
)

select
  {{ surrogate_key(['m.division', 'm.account_id']) }} as customer_health_key,
  {{ as_of() }} as as_of,
  m.division,
  m.division_name,
  m.currency,
  m.account_id,
  m.account_code,
  m.account_name,
  m.first_purchase,
  m.last_purchase,
  m.days_silent,
  {{ quantity('1.0 * m.days_between / nullif(m.days_with_purchases - 1, 0)') }} as usual_days,
  m.purchases_year,
  {{ amount('m.revenue_year') }} as revenue_year,
  {{ amount('m.revenue_year_before') }} as revenue_year_before,
  {{ amount('m.revenue_year - m.revenue_year_before') }} as revenue_trend,
  {{ amount('coalesce(o.total, 0)') }} as outstanding,
  {{ amount('coalesce(o.total - o.not_due, 0)') }} as overdue,
  case when o.days_overdue > 0 then o.days_overdue else 0 end as days_overdue,
  -- Silent for more than twice as long as usual; with fewer than four days of purchases there is no rhythm to speak of.
  m.days_with_purchases >= 4 and m.days_silent * (m.days_with_purchases - 1) > 2 * m.days_between as is_at_risk
from measured as m
left join {{ ref('exact_online__receivables_by_age') }} as o
  on o.division = m.division and o.account_id = m.account_id

{{ config(enabled=has_ledger()) }}

-- Monthly recurring revenue by customer, as it was invoiced: revenue lines that name a subscription, less their credit notes.
-- It suits subscriptions that are invoiced by the month; one that is invoiced by the year shows up once a year.
with billed as (
  select
    division, account_id,
    {{ month_of('entry_date') }} as month,
    -sum(amount) as mrr
  from {{ ref('exact_online__general_ledger') }}
  where gl_type = 110
    and not is_closing
    and subscription_id is not null
  group by division, account_id, {{ month_of('entry_date') }}
),

months as (
  select distinct division, month from billed
),

first_months as (
  select division, account_id, min(month) as first_month
  from billed
  group by division, account_id
),

filled as (
  select
    f.division,
    f.account_id,
    f.first_month,
    m.month,
    coalesce(b.mrr, 0) as mrr
  from first_months as f
  join months as m
    on m.division = f.division and m.month >= f.first_month
  left join billed as b
    on b.division = f.division and b.account_id = f.account_id and b.month = m.month
),

compared as (
  select
    f.*,
    coalesce(lag(f.mrr) over (partition by f.division, f.account_id order by f.month), 0) as mrr_before
  from filled as f
)

select
  {{ surrogate_key(['c.division', 'c.account_id', 'c.month']) }} as mrr_key,
  c.division,
  d.division_name,
  d.currency,
  c.month,
  c.account_id,
  a.account_code,
  a.account_name,
  {{ amount('c.mrr') }} as mrr,
  {{ amount('c.mrr_before') }} as mrr_before,
  {{ amount('c.mrr - c.mrr_before') }} as change,
  case
    when c.month = c.first_month then 'new'
    when c.mrr_before = 0 and c.mrr <> 0 then 'reactivation'
    when c.mrr_before <> 0 and c.mrr = 0 then 'churn'
    when c.mrr > c.mrr_before then 'expansion'
    when c.mrr < c.mrr_before then 'contraction'
    else 'unchanged'
  end as movement
from compared as c
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = c.division
left join {{ ref('stg_exact_online__accounts') }} as a
  on a.division = c.division and a.account_id = c.account_id
where c.mrr <> 0
  or c.mrr_before <> 0

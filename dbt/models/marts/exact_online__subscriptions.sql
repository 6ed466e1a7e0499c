{{ config(enabled=has_ledger() and has_subscriptions()) }}

with contracted as (
  select division, subscription_id, count(*) as lines, sum(amount) as amount
  from {{ ref('stg_exact_online__subscription_lines') }}
  group by division, subscription_id
),

billed as (
  select division, subscription_id, -sum(amount) as revenue, max(entry_date) as last_invoiced
  from {{ ref('exact_online__general_ledger') }}
  where gl_type = 110
    and not is_closing
    and subscription_id is not null
  group by division, subscription_id
)

select
  s.subscription_id,
  s.division,
  d.division_name,
  d.currency,
  s.subscription_number,
  s.description,
  s.account_id,
  a.account_code,
  a.account_name,
  s.start_date,
  s.end_date,
  s.cancelled_on,
  s.start_date <= {{ as_of() }} and (s.end_date is null or s.end_date > {{ as_of() }}) as is_active,
  coalesce(c.lines, 0) as lines,
  {{ amount('coalesce(c.amount, 0)') }} as contract_amount,
  {{ amount('coalesce(b.revenue, 0)') }} as revenue,
  b.last_invoiced
from {{ ref('stg_exact_online__subscriptions') }} as s
left join contracted as c
  on c.division = s.division and c.subscription_id = s.subscription_id
left join billed as b
  on b.division = s.division and b.subscription_id = s.subscription_id
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = s.division
left join {{ ref('stg_exact_online__accounts') }} as a
  on a.division = s.division and a.account_id = s.account_id

{{ config(enabled=has_open_items()) }}

-- What was open at the end of the day `exact_online_as_of`.
with open_items as (
  select
    t.*,
    {{ as_of() }} as as_of,
    {{ dbt.datediff('t.due_date', as_of(), 'day') }} as days_overdue
  from {{ ref('stg_exact_online__payment_terms') }} as t
  where t.invoice_date <= {{ as_of() }}
    and (t.settled_on is null or t.settled_on > {{ as_of() }})
)

select
  o.payment_term_id,
  o.as_of,
  o.division,
  d.division_name,
  d.currency,
  o.kind,
  o.account_id,
  a.account_code,
  a.account_name,
  o.gl_account_id,
  o.invoice_number,
  o.invoice_date,
  o.due_date,
  o.days_overdue,
  case
    when o.days_overdue <= 0 then 'not due'
    when o.days_overdue <= 30 then '1-30'
    when o.days_overdue <= 60 then '31-60'
    when o.days_overdue <= 90 then '61-90'
    else 'over 90'
  end as age,
  {{ amount('o.amount') }} as amount,
  {{ amount('o.foreign_amount') }} as foreign_amount,
  o.foreign_currency
from open_items as o
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = o.division
left join {{ ref('stg_exact_online__accounts') }} as a
  on a.division = o.division and a.account_id = o.account_id

{{ config(enabled=has_ledger()) }}

-- From the books: all that stands on ledger accounts of type 110 (revenue), without closings. Credit is negative in Exact.
select
  {{ surrogate_key(['division', month_of('entry_date'), 'account_id', 'item_id']) }} as revenue_key,
  division,
  division_name,
  currency,
  {{ month_of('entry_date') }} as month,
  account_id,
  account_code,
  account_name,
  item_id,
  item_code,
  item,
  {{ amount('-sum(amount)') }} as revenue,
  {{ quantity('sum(quantity)') }} as quantity,
  count(distinct entry_id) as entries
from {{ ref('exact_online__general_ledger') }}
where gl_type = 110
  and not is_closing
group by
  division, division_name, currency, {{ month_of('entry_date') }}, account_id, account_code, account_name, item_id, item_code, item

{# What each customer owes, or what is owed to each supplier, by days behind the due date. #}
{% macro items_by_age(kind, sign) -%}
select
  {{ surrogate_key(['division', 'account_id']) }} as age_key,
  as_of,
  division,
  division_name,
  currency,
  account_id,
  account_code,
  account_name,
  {%- for column, age in [('not_due', 'not due'), ('days_1_30', '1-30'), ('days_31_60', '31-60'), ('days_61_90', '61-90'), ('over_90', 'over 90')] %}
  {{ amount("sum(case when age = '" ~ age ~ "' then " ~ sign ~ " * amount else 0 end)") }} as {{ column }},
  {%- endfor %}
  {{ amount("sum(" ~ sign ~ " * amount)") }} as total,
  count(*) as items,
  max(days_overdue) as days_overdue
from {{ ref('exact_online__open_items') }}
where kind = '{{ kind }}'
group by as_of, division, division_name, currency, account_id, account_code, account_name
{%- endmacro %}

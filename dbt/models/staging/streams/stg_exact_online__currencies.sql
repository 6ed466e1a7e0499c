{{ config(enabled=is_loaded('general_currencies')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ surrogate_key(['r.division', 'r.code']) }} as currency_key,
  trim(r.code) as code,
  {{ quantity('r.amount_precision') }} as amount_precision,
  r.created,
  r.description,
  r.modified,
  {{ quantity('r.price_precision') }} as price_precision
from {{ live_rows('general_currencies', key=none) }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}

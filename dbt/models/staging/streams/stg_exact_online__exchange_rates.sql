{{ config(enabled=is_loaded('financial_exchange_rates')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as exchange_rate_id,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  {{ quantity('r.rate') }} as rate,
  trim(r.source_currency) as source_currency,
  r.source_currency_description,
  cast(r.start_date as date) as start_date,
  trim(r.target_currency) as target_currency,
  r.target_currency_description
from {{ live_rows('financial_exchange_rates', key=none) }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}

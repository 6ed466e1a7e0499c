{{ config(enabled=is_loaded('financial_financial_periods')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as financial_period_id,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  cast(r.end_date as date) as end_date,
  r.fin_period,
  r.fin_year,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  cast(r.start_date as date) as start_date
from {{ live_rows('financial_financial_periods', key=none) }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}

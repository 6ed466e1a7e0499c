{{ config(enabled=is_loaded('hrm_costcenters')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as cost_center_id,
  trim(r.code) as code,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  r.custom_field,
  r.description,
  cast(r.end_date as date) as end_date,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name
from {{ live_rows('hrm_costcenters', key=none) }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}

{{ config(enabled=is_loaded('sync_deleted')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as deletion_id,
  {{ identifier('r.deleted_by') }} as deleted_by_id,
  r.deleted_date,
  {{ identifier('r.entity_key') }} as entity_key_id,
  r.entity_type,
  r.entity,
  r.stream
from {{ live_rows('sync_deleted', key=none) }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}

{{ config(enabled=is_loaded('sync_financial_gl_classifications')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as gl_classification_id,
  r.abstract,
  r.balance,
  trim(r.code) as code,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  r.description,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.name,
  r.nillable,
  {{ identifier('r.parent') }} as parent_id,
  r.period_type,
  r.substitution_group,
  {{ identifier('r.taxonomy_namespace') }} as taxonomy_namespace_id,
  r.taxonomy_namespace_description,
  {{ identifier('r.type') }} as type_id
from {{ live_rows('sync_financial_gl_classifications') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}

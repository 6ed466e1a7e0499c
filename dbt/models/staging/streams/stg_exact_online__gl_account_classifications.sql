{{ config(enabled=is_loaded('financial_gl_account_classification_mappings')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as gl_account_classification_id,
  {{ identifier('r.classification') }} as classification_id,
  {{ present('sync_financial_gl_classifications', 'classification_now.code', 'trim(r.classification_code)') }} as classification_code,
  {{ present('sync_financial_gl_classifications', 'classification_now.description', 'r.classification_description') }} as classification_description,
  {{ identifier('r.gl_account') }} as gl_account_id,
  {{ present('sync_financial_gl_accounts', 'gl_account_now.gl_account_code', 'trim(r.gl_account_code)') }} as gl_account_code,
  {{ present('sync_financial_gl_accounts', 'gl_account_now.gl_account', 'r.gl_account_description') }} as gl_account_description,
  {{ present('financial_gl_schemes', 'gl_scheme_now.code', 'trim(r.gl_scheme_code)') }} as gl_scheme_code,
  {{ present('financial_gl_schemes', 'gl_scheme_now.description', 'r.gl_scheme_description') }} as gl_scheme_description,
  {{ identifier('r.gl_scheme_id') }} as gl_scheme_id
from {{ live_rows('financial_gl_account_classification_mappings', key=none) }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_financial_gl_classifications') -%}
left join {{ ref('stg_exact_online__gl_classifications') }} as classification_now
  on classification_now.division = r.division and classification_now.gl_classification_id = {{ identifier('r.classification') }}
{% endif -%}
{% if is_loaded('sync_financial_gl_accounts') -%}
left join {{ ref('stg_exact_online__gl_accounts') }} as gl_account_now
  on gl_account_now.division = r.division and gl_account_now.gl_account_id = {{ identifier('r.gl_account') }}
{% endif -%}
{% if is_loaded('financial_gl_schemes') -%}
left join {{ ref('stg_exact_online__gl_schemes') }} as gl_scheme_now
  on gl_scheme_now.division = r.division and gl_scheme_now.gl_scheme_id = {{ identifier('r.gl_scheme_id') }}
{% endif -%}

{{ config(enabled=is_loaded('vat_vat_codes')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as vat_code_id,
  {{ identifier('r.account') }} as account_id,
  {{ present('sync_crm_accounts', 'account_now.account_code', 'trim(r.account_code)') }} as account_code,
  {{ present('sync_crm_accounts', 'account_now.account_name', 'r.account_name') }} as account_name,
  r.calculation_basis,
  r.charged,
  trim(r.code) as code,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  r.custom_field,
  r.description,
  r.eu_sales_listing,
  r.exclude_vat_listing,
  {{ identifier('r.gl_discount_purchase') }} as gl_discount_purchase_id,
  {{ present('sync_financial_gl_accounts', 'gl_discount_purchase_now.gl_account_code', 'trim(r.gl_discount_purchase_code)') }} as gl_discount_purchase_code,
  {{ present('sync_financial_gl_accounts', 'gl_discount_purchase_now.gl_account', 'r.gl_discount_purchase_description') }} as gl_discount_purchase_description,
  {{ identifier('r.gl_discount_sales') }} as gl_discount_sales_id,
  {{ present('sync_financial_gl_accounts', 'gl_discount_sales_now.gl_account_code', 'trim(r.gl_discount_sales_code)') }} as gl_discount_sales_code,
  {{ present('sync_financial_gl_accounts', 'gl_discount_sales_now.gl_account', 'r.gl_discount_sales_description') }} as gl_discount_sales_description,
  {{ identifier('r.gl_to_claim') }} as gl_to_claim_id,
  {{ present('sync_financial_gl_accounts', 'gl_to_claim_now.gl_account_code', 'trim(r.gl_to_claim_code)') }} as gl_to_claim_code,
  {{ present('sync_financial_gl_accounts', 'gl_to_claim_now.gl_account', 'r.gl_to_claim_description') }} as gl_to_claim_description,
  {{ identifier('r.gl_to_pay') }} as gl_to_pay_id,
  {{ present('sync_financial_gl_accounts', 'gl_to_pay_now.gl_account_code', 'trim(r.gl_to_pay_code)') }} as gl_to_pay_code,
  {{ present('sync_financial_gl_accounts', 'gl_to_pay_now.gl_account', 'r.gl_to_pay_description') }} as gl_to_pay_description,
  r.intra_stat,
  r.intrastat_type,
  r.is_blocked,
  r.legal_text,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.oss_country,
  {{ quantity('r.percentage') }} as percentage,
  r.tax_return_type,
  r.type,
  r.vat_doc_type,
  r.vat_margin,
  r.vat_partial_ratio,
  r.vat_transaction_type
from {{ live_rows('vat_vat_codes', key=none) }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as account_now
  on account_now.division = r.division and account_now.account_id = {{ identifier('r.account') }}
{% endif -%}
{% if is_loaded('sync_financial_gl_accounts') -%}
left join {{ ref('stg_exact_online__gl_accounts') }} as gl_discount_purchase_now
  on gl_discount_purchase_now.division = r.division and gl_discount_purchase_now.gl_account_id = {{ identifier('r.gl_discount_purchase') }}
{% endif -%}
{% if is_loaded('sync_financial_gl_accounts') -%}
left join {{ ref('stg_exact_online__gl_accounts') }} as gl_discount_sales_now
  on gl_discount_sales_now.division = r.division and gl_discount_sales_now.gl_account_id = {{ identifier('r.gl_discount_sales') }}
{% endif -%}
{% if is_loaded('sync_financial_gl_accounts') -%}
left join {{ ref('stg_exact_online__gl_accounts') }} as gl_to_claim_now
  on gl_to_claim_now.division = r.division and gl_to_claim_now.gl_account_id = {{ identifier('r.gl_to_claim') }}
{% endif -%}
{% if is_loaded('sync_financial_gl_accounts') -%}
left join {{ ref('stg_exact_online__gl_accounts') }} as gl_to_pay_now
  on gl_to_pay_now.division = r.division and gl_to_pay_now.gl_account_id = {{ identifier('r.gl_to_pay') }}
{% endif -%}

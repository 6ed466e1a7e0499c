{{ config(enabled=is_loaded('sync_financial_purchase_entries')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as purchase_entry_line_id,
  trim(r.account_code) as account_code,
  {{ amount('r.amount_dc') }} as amount_dc,
  {{ amount('r.amount_fc') }} as amount_fc,
  {{ amount('r.amount_vat_base_fc') }} as amount_vat_base_fc,
  {{ amount('r.amount_vat_fc') }} as amount_vat_fc,
  {{ identifier('r.asset') }} as asset_id,
  trim(r.asset_code) as asset_code,
  r.asset_description,
  r.batch_number,
  trim(r.cost_center) as cost_center,
  {{ present('hrm_costcenters', 'cost_center_now.description', 'r.cost_center_description') }} as cost_center_description,
  trim(r.cost_unit) as cost_unit,
  {{ present('hrm_costunits', 'cost_unit_now.description', 'r.cost_unit_description') }} as cost_unit_description,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  trim(r.currency) as currency,
  r.custom_field,
  r.description,
  {{ identifier('r.document') }} as document_id,
  r.document_number,
  {{ present('sync_documents_documents', 'document_now.subject', 'r.document_subject') }} as document_subject,
  cast(r.due_date as date) as due_date,
  cast(r.entry_date as date) as entry_date,
  {{ identifier('r.entry_id') }} as entry_id,
  r.entry_number,
  {{ quantity('r.exchange_rate') }} as exchange_rate,
  r.external_link_description,
  r.external_link_reference,
  {{ amount('r.extra_duty_amount_fc') }} as extra_duty_amount_fc,
  {{ quantity('r.extra_duty_percentage') }} as extra_duty_percentage,
  r.financial_period,
  r.financial_year,
  {{ amount('r.g_account_amount_fc') }} as g_account_amount_fc,
  {{ identifier('r.gl_account') }} as gl_account_id,
  {{ present('sync_financial_gl_accounts', 'gl_account_now.gl_account_code', 'trim(r.gl_account_code)') }} as gl_account_code,
  {{ present('sync_financial_gl_accounts', 'gl_account_now.gl_account', 'r.gl_account_description') }} as gl_account_description,
  r.invoice_number,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  trim(r.journal) as journal,
  {{ present('financial_journals', 'journal_now.journal', 'r.journal_description') }} as journal_description,
  r.line_number,
  r.line_type,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  {{ identifier('r.offset_id') }} as offset_id,
  r.order_number,
  trim(r.payment_condition) as payment_condition,
  r.payment_condition_description,
  r.payment_condition_payment_method,
  {{ amount('r.payment_discount_amount') }} as payment_discount_amount,
  r.payment_reference,
  r.process_number,
  {{ identifier('r.project') }} as project_id,
  {{ present('sync_project_projects', 'project_now.code', 'trim(r.project_code)') }} as project_code,
  {{ present('sync_project_projects', 'project_now.description', 'r.project_description') }} as project_description,
  {{ identifier('r.project_wbs') }} as project_wbs_id,
  {{ present('sync_project_project_wbs', 'project_wbs_now.description', 'r.project_wbs_description') }} as project_wbs_description,
  {{ quantity('r.quantity') }} as quantity,
  {{ quantity('r.rate') }} as rate,
  r.reporting_period,
  r.reporting_year,
  r.reversal,
  r.status,
  r.status_description,
  {{ identifier('r.subscription') }} as subscription_id,
  {{ present('sync_subscription_subscriptions', 'subscription_now.description', 'r.subscription_description') }} as subscription_description,
  {{ identifier('r.supplier') }} as supplier_id,
  {{ present('sync_crm_accounts', 'supplier_now.account_name', 'r.supplier_name') }} as supplier_name,
  {{ identifier('r.tracking_number') }} as tracking_number_id,
  r.tracking_number_description,
  r.type,
  r.type_description,
  {{ amount('r.vat_amount_dc') }} as vat_amount_dc,
  {{ amount('r.vat_amount_fc') }} as vat_amount_fc,
  trim(r.vat_code) as vat_code,
  {{ present('vat_vat_codes', 'vat_code_now.description', 'r.vat_code_description') }} as vat_code_description,
  {{ quantity('r.vat_percentage') }} as vat_percentage,
  r.vat_type,
  r.your_ref
from {{ live_rows('sync_financial_purchase_entries', key=none) }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('hrm_costcenters') -%}
left join {{ ref('stg_exact_online__cost_centers') }} as cost_center_now
  on cost_center_now.division = r.division and cost_center_now.code = trim(r.cost_center)
{% endif -%}
{% if is_loaded('hrm_costunits') -%}
left join {{ ref('stg_exact_online__cost_units') }} as cost_unit_now
  on cost_unit_now.division = r.division and cost_unit_now.code = trim(r.cost_unit)
{% endif -%}
{% if is_loaded('sync_documents_documents') -%}
left join {{ ref('stg_exact_online__documents') }} as document_now
  on document_now.division = r.division and document_now.document_id = {{ identifier('r.document') }}
{% endif -%}
{% if is_loaded('sync_financial_gl_accounts') -%}
left join {{ ref('stg_exact_online__gl_accounts') }} as gl_account_now
  on gl_account_now.division = r.division and gl_account_now.gl_account_id = {{ identifier('r.gl_account') }}
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}
{% if is_loaded('financial_journals') -%}
left join {{ ref('stg_exact_online__journals') }} as journal_now
  on journal_now.division = r.division and journal_now.journal_code = trim(r.journal)
{% endif -%}
{% if is_loaded('sync_project_projects') -%}
left join {{ ref('stg_exact_online__projects') }} as project_now
  on project_now.division = r.division and project_now.project_id = {{ identifier('r.project') }}
{% endif -%}
{% if is_loaded('sync_project_project_wbs') -%}
left join {{ ref('stg_exact_online__project_wbs') }} as project_wbs_now
  on project_wbs_now.division = r.division and project_wbs_now.project_wbs_id = {{ identifier('r.project_wbs') }}
{% endif -%}
{% if is_loaded('sync_subscription_subscriptions') -%}
left join {{ ref('stg_exact_online__subscriptions') }} as subscription_now
  on subscription_now.division = r.division and subscription_now.subscription_id = {{ identifier('r.subscription') }}
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as supplier_now
  on supplier_now.division = r.division and supplier_now.account_id = {{ identifier('r.supplier') }}
{% endif -%}
{% if is_loaded('vat_vat_codes') -%}
left join {{ ref('stg_exact_online__vat_codes') }} as vat_code_now
  on vat_code_now.division = r.division and vat_code_now.code = trim(r.vat_code)
{% endif -%}

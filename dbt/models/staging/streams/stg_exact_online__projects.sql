{{ config(enabled=is_loaded('sync_project_projects')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as project_id,
  {{ identifier('r.account') }} as account_id,
  {{ present('sync_crm_accounts', 'account_now.account_code', 'trim(r.account_code)') }} as account_code,
  {{ identifier('r.account_contact') }} as account_contact_id,
  {{ present('sync_crm_accounts', 'account_now.account_name', 'r.account_name') }} as account_name,
  r.allow_additional_invoicing,
  r.allow_member_entry_only,
  r.block_entry,
  r.block_invoicing,
  r.block_planning,
  r.block_purchasing,
  r.block_rebilling,
  {{ amount('r.budgeted_amount') }} as budgeted_amount,
  {{ quantity('r.budgeted_costs') }} as budgeted_costs,
  {{ quantity('r.budgeted_revenue') }} as budgeted_revenue,
  r.budget_overrun_hours,
  r.budget_type,
  r.budget_type_description,
  {{ identifier('r.classification') }} as classification_id,
  {{ present('sync_financial_gl_classifications', 'classification_now.description', 'r.classification_description') }} as classification_description,
  trim(r.code) as code,
  {{ quantity('r.costs_amount_fc') }} as costs_amount_fc,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  r.customer_po_number,
  r.custom_field,
  r.description,
  r.enable_work_in_progress,
  cast(r.end_date as date) as end_date,
  {{ identifier('r.fixed_price_item') }} as fixed_price_item_id,
  {{ present('sync_logistics_items', 'fixed_price_item_now.item', 'r.fixed_price_item_description') }} as fixed_price_item_description,
  r.has_wbs_lines,
  r.include_invoice_specification,
  r.include_specification_in_invoice_pdf,
  r.internal_notes,
  {{ identifier('r.invoice_address') }} as invoice_address_id,
  r.invoice_as_quoted,
  r.invoice_description,
  r.is_wbs_required_for_entry,
  {{ identifier('r.manager') }} as manager_id,
  r.manager_fullname,
  {{ quantity('r.markup_percentage') }} as markup_percentage,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  trim(r.payment_condition) as payment_condition,
  {{ identifier('r.prepaid_item') }} as prepaid_item_id,
  {{ present('sync_logistics_items', 'prepaid_item_now.item', 'r.prepaid_item_description') }} as prepaid_item_description,
  r.prepaid_type,
  r.prepaid_type_description,
  {{ quantity('r.sales_time_quantity') }} as sales_time_quantity,
  {{ identifier('r.source_quotation') }} as source_quotation_id,
  cast(r.start_date as date) as start_date,
  {{ quantity('r.time_quantity_to_alert') }} as time_quantity_to_alert,
  r.type,
  r.type_description,
  r.use_billing_milestones
from {{ live_rows('sync_project_projects') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as account_now
  on account_now.division = r.division and account_now.account_id = {{ identifier('r.account') }}
{% endif -%}
{% if is_loaded('sync_financial_gl_classifications') -%}
left join {{ ref('stg_exact_online__gl_classifications') }} as classification_now
  on classification_now.division = r.division and classification_now.gl_classification_id = {{ identifier('r.classification') }}
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as fixed_price_item_now
  on fixed_price_item_now.division = r.division and fixed_price_item_now.item_id = {{ identifier('r.fixed_price_item') }}
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as prepaid_item_now
  on prepaid_item_now.division = r.division and prepaid_item_now.item_id = {{ identifier('r.prepaid_item') }}
{% endif -%}

{{ config(enabled=is_loaded('sync_sales_invoice_sales_invoices')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as sales_invoice_line_id,
  {{ amount('r.amount_dc') }} as amount_dc,
  {{ amount('r.amount_discount') }} as amount_discount,
  {{ amount('r.amount_discount_excl_vat') }} as amount_discount_excl_vat,
  {{ amount('r.amount_fc') }} as amount_fc,
  {{ amount('r.amount_fc_excl_vat') }} as amount_fc_excl_vat,
  trim(r.cost_center) as cost_center,
  {{ present('hrm_costcenters', 'cost_center_now.description', 'r.cost_center_description') }} as cost_center_description,
  trim(r.cost_unit) as cost_unit,
  {{ present('hrm_costunits', 'cost_unit_now.description', 'r.cost_unit_description') }} as cost_unit_description,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  trim(r.currency) as currency,
  trim(r.customer_item_code) as customer_item_code,
  r.custom_field,
  {{ identifier('r.deliver_to') }} as deliver_to_id,
  {{ identifier('r.deliver_to_address') }} as deliver_to_address_id,
  {{ identifier('r.deliver_to_contact_person') }} as deliver_to_contact_person_id,
  {{ present('sync_crm_contacts', 'deliver_to_contact_person_now.full_name', 'r.deliver_to_contact_person_full_name') }} as deliver_to_contact_person_full_name,
  {{ present('sync_crm_accounts', 'deliver_to_now.account_name', 'r.deliver_to_name') }} as deliver_to_name,
  cast(r.delivery_date as date) as delivery_date,
  r.description,
  {{ quantity('r.discount') }} as discount,
  r.discount_type,
  {{ identifier('r.document') }} as document_id,
  r.document_number,
  {{ present('sync_documents_documents', 'document_now.subject', 'r.document_subject') }} as document_subject,
  cast(r.due_date as date) as due_date,
  {{ identifier('r.employee') }} as employee_id,
  r.employee_full_name,
  r.end_time,
  {{ amount('r.extra_duty_amount_fc') }} as extra_duty_amount_fc,
  {{ quantity('r.extra_duty_percentage') }} as extra_duty_percentage,
  {{ amount('r.g_account_amount_fc') }} as g_account_amount_fc,
  {{ identifier('r.gl_account') }} as gl_account_id,
  {{ present('sync_financial_gl_accounts', 'gl_account_now.gl_account', 'r.gl_account_description') }} as gl_account_description,
  r.incoterm_address,
  trim(r.incoterm_code) as incoterm_code,
  r.incoterm_version,
  cast(r.invoice_date as date) as invoice_date,
  {{ identifier('r.invoice_id') }} as invoice_id,
  r.invoice_number,
  {{ identifier('r.invoice_to') }} as invoice_to_id,
  {{ identifier('r.invoice_to_contact_person') }} as invoice_to_contact_person_id,
  {{ present('sync_crm_contacts', 'invoice_to_contact_person_now.full_name', 'r.invoice_to_contact_person_full_name') }} as invoice_to_contact_person_full_name,
  {{ present('sync_crm_accounts', 'invoice_to_now.account_name', 'r.invoice_to_name') }} as invoice_to_name,
  r.is_extra_duty,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  trim(r.journal) as journal,
  {{ present('financial_journals', 'journal_now.journal', 'r.journal_description') }} as journal_description,
  r.line_number,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  {{ quantity('r.net_price') }} as net_price,
  r.notes,
  cast(r.order_date as date) as order_date,
  {{ identifier('r.ordered_by') }} as ordered_by_id,
  {{ identifier('r.ordered_by_contact_person') }} as ordered_by_contact_person_id,
  {{ present('sync_crm_contacts', 'ordered_by_contact_person_now.full_name', 'r.ordered_by_contact_person_full_name') }} as ordered_by_contact_person_full_name,
  {{ present('sync_crm_accounts', 'ordered_by_now.account_name', 'r.ordered_by_name') }} as ordered_by_name,
  r.order_number,
  trim(r.payment_condition) as payment_condition,
  r.payment_condition_description,
  r.payment_reference,
  {{ identifier('r.pricelist') }} as pricelist_id,
  r.pricelist_description,
  {{ identifier('r.project') }} as project_id,
  {{ present('sync_project_projects', 'project_now.description', 'r.project_description') }} as project_description,
  {{ identifier('r.project_wbs') }} as project_wbs_id,
  {{ present('sync_project_project_wbs', 'project_wbs_now.description', 'r.project_wbs_description') }} as project_wbs_description,
  {{ quantity('r.quantity') }} as quantity,
  r.remarks,
  {{ identifier('r.sales_channel') }} as sales_channel_id,
  trim(r.sales_channel_code) as sales_channel_code,
  r.sales_channel_description,
  {{ identifier('r.sales_order') }} as sales_order_id,
  {{ identifier('r.sales_order_line') }} as sales_order_line_id,
  r.sales_order_line_number,
  r.sales_order_number,
  {{ identifier('r.salesperson') }} as salesperson_id,
  r.salesperson_full_name,
  r.starter_sales_invoice_status,
  r.starter_sales_invoice_status_description,
  r.start_time,
  r.status,
  r.status_description,
  {{ identifier('r.subscription') }} as subscription_id,
  {{ present('sync_subscription_subscriptions', 'subscription_now.description', 'r.subscription_description') }} as subscription_description,
  r.type,
  r.type_description,
  trim(r.unit_code) as unit_code,
  r.unit_description,
  {{ quantity('r.unit_price') }} as unit_price,
  {{ amount('r.vat_amount_dc') }} as vat_amount_dc,
  {{ amount('r.vat_amount_fc') }} as vat_amount_fc,
  trim(r.vat_code) as vat_code,
  {{ present('vat_vat_codes', 'vat_code_now.description', 'r.vat_code_description') }} as vat_code_description,
  {{ quantity('r.vat_percentage') }} as vat_percentage,
  {{ identifier('r.warehouse') }} as warehouse_id,
  {{ amount('r.withholding_tax_amount_fc') }} as withholding_tax_amount_fc,
  {{ amount('r.withholding_tax_base_amount') }} as withholding_tax_base_amount,
  {{ quantity('r.withholding_tax_percentage') }} as withholding_tax_percentage,
  r.your_ref
from {{ live_rows('sync_sales_invoice_sales_invoices') }} as r
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
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as deliver_to_now
  on deliver_to_now.division = r.division and deliver_to_now.account_id = {{ identifier('r.deliver_to') }}
{% endif -%}
{% if is_loaded('sync_crm_contacts') -%}
left join {{ ref('stg_exact_online__contacts') }} as deliver_to_contact_person_now
  on deliver_to_contact_person_now.division = r.division and deliver_to_contact_person_now.contact_id = {{ identifier('r.deliver_to_contact_person') }}
{% endif -%}
{% if is_loaded('sync_documents_documents') -%}
left join {{ ref('stg_exact_online__documents') }} as document_now
  on document_now.division = r.division and document_now.document_id = {{ identifier('r.document') }}
{% endif -%}
{% if is_loaded('sync_financial_gl_accounts') -%}
left join {{ ref('stg_exact_online__gl_accounts') }} as gl_account_now
  on gl_account_now.division = r.division and gl_account_now.gl_account_id = {{ identifier('r.gl_account') }}
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as invoice_to_now
  on invoice_to_now.division = r.division and invoice_to_now.account_id = {{ identifier('r.invoice_to') }}
{% endif -%}
{% if is_loaded('sync_crm_contacts') -%}
left join {{ ref('stg_exact_online__contacts') }} as invoice_to_contact_person_now
  on invoice_to_contact_person_now.division = r.division and invoice_to_contact_person_now.contact_id = {{ identifier('r.invoice_to_contact_person') }}
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}
{% if is_loaded('financial_journals') -%}
left join {{ ref('stg_exact_online__journals') }} as journal_now
  on journal_now.division = r.division and journal_now.journal_code = trim(r.journal)
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as ordered_by_now
  on ordered_by_now.division = r.division and ordered_by_now.account_id = {{ identifier('r.ordered_by') }}
{% endif -%}
{% if is_loaded('sync_crm_contacts') -%}
left join {{ ref('stg_exact_online__contacts') }} as ordered_by_contact_person_now
  on ordered_by_contact_person_now.division = r.division and ordered_by_contact_person_now.contact_id = {{ identifier('r.ordered_by_contact_person') }}
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
{% if is_loaded('vat_vat_codes') -%}
left join {{ ref('stg_exact_online__vat_codes') }} as vat_code_now
  on vat_code_now.division = r.division and vat_code_now.code = trim(r.vat_code)
{% endif -%}

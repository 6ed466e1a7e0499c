{{ config(enabled=is_loaded('sync_crm_quotation_headers')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as quotation_version_id,
  {{ amount('r.amount_dc') }} as amount_dc,
  {{ amount('r.amount_discount') }} as amount_discount,
  {{ amount('r.amount_discount_excl_vat') }} as amount_discount_excl_vat,
  {{ amount('r.amount_fc') }} as amount_fc,
  cast(r.close_date as date) as close_date,
  cast(r.closing_date as date) as closing_date,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  trim(r.currency) as currency,
  {{ identifier('r.delivery_account') }} as delivery_account_id,
  {{ present('sync_crm_accounts', 'delivery_account_now.account_code', 'trim(r.delivery_account_code)') }} as delivery_account_code,
  {{ identifier('r.delivery_account_contact') }} as delivery_account_contact_id,
  {{ present('sync_crm_contacts', 'delivery_account_contact_now.full_name', 'r.delivery_account_contact_full_name') }} as delivery_account_contact_full_name,
  {{ present('sync_crm_accounts', 'delivery_account_now.account_name', 'r.delivery_account_name') }} as delivery_account_name,
  {{ identifier('r.delivery_address') }} as delivery_address_id,
  cast(r.delivery_date as date) as delivery_date,
  r.description,
  {{ quantity('r.discount') }} as discount,
  {{ identifier('r.document') }} as document_id,
  {{ present('sync_documents_documents', 'document_now.subject', 'r.document_subject') }} as document_subject,
  cast(r.due_date as date) as due_date,
  r.incoterm_address,
  trim(r.incoterm_code) as incoterm_code,
  r.incoterm_version,
  {{ identifier('r.invoice_account') }} as invoice_account_id,
  {{ present('sync_crm_accounts', 'invoice_account_now.account_code', 'trim(r.invoice_account_code)') }} as invoice_account_code,
  {{ identifier('r.invoice_account_contact') }} as invoice_account_contact_id,
  {{ present('sync_crm_contacts', 'invoice_account_contact_now.full_name', 'r.invoice_account_contact_full_name') }} as invoice_account_contact_full_name,
  {{ present('sync_crm_accounts', 'invoice_account_now.account_name', 'r.invoice_account_name') }} as invoice_account_name,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  {{ identifier('r.opportunity') }} as opportunity_id,
  r.opportunity_name,
  {{ identifier('r.order_account') }} as order_account_id,
  {{ present('sync_crm_accounts', 'order_account_now.account_code', 'trim(r.order_account_code)') }} as order_account_code,
  {{ identifier('r.order_account_contact') }} as order_account_contact_id,
  {{ present('sync_crm_contacts', 'order_account_contact_now.full_name', 'r.order_account_contact_full_name') }} as order_account_contact_full_name,
  {{ present('sync_crm_accounts', 'order_account_now.account_name', 'r.order_account_name') }} as order_account_name,
  trim(r.payment_condition) as payment_condition,
  r.payment_condition_description,
  {{ identifier('r.project') }} as project_id,
  {{ present('sync_project_projects', 'project_now.code', 'trim(r.project_code)') }} as project_code,
  {{ present('sync_project_projects', 'project_now.description', 'r.project_description') }} as project_description,
  cast(r.quotation_date as date) as quotation_date,
  {{ identifier('r.quotation_id') }} as quotation_id,
  r.quotation_number,
  r.remarks,
  {{ identifier('r.sales_channel') }} as sales_channel_id,
  trim(r.sales_channel_code) as sales_channel_code,
  r.sales_channel_description,
  {{ identifier('r.sales_person') }} as sales_person_id,
  r.sales_person_full_name,
  {{ identifier('r.selection_code') }} as selection_code_id,
  trim(r.selection_code_code) as selection_code_code,
  r.selection_code_description,
  {{ identifier('r.shipping_method') }} as shipping_method_id,
  r.shipping_method_description,
  r.status,
  r.status_description,
  r.version_number,
  r.your_ref
from {{ live_rows('sync_crm_quotation_headers') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as delivery_account_now
  on delivery_account_now.division = r.division and delivery_account_now.account_id = {{ identifier('r.delivery_account') }}
{% endif -%}
{% if is_loaded('sync_crm_contacts') -%}
left join {{ ref('stg_exact_online__contacts') }} as delivery_account_contact_now
  on delivery_account_contact_now.division = r.division and delivery_account_contact_now.contact_id = {{ identifier('r.delivery_account_contact') }}
{% endif -%}
{% if is_loaded('sync_documents_documents') -%}
left join {{ ref('stg_exact_online__documents') }} as document_now
  on document_now.division = r.division and document_now.document_id = {{ identifier('r.document') }}
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as invoice_account_now
  on invoice_account_now.division = r.division and invoice_account_now.account_id = {{ identifier('r.invoice_account') }}
{% endif -%}
{% if is_loaded('sync_crm_contacts') -%}
left join {{ ref('stg_exact_online__contacts') }} as invoice_account_contact_now
  on invoice_account_contact_now.division = r.division and invoice_account_contact_now.contact_id = {{ identifier('r.invoice_account_contact') }}
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as order_account_now
  on order_account_now.division = r.division and order_account_now.account_id = {{ identifier('r.order_account') }}
{% endif -%}
{% if is_loaded('sync_crm_contacts') -%}
left join {{ ref('stg_exact_online__contacts') }} as order_account_contact_now
  on order_account_contact_now.division = r.division and order_account_contact_now.contact_id = {{ identifier('r.order_account_contact') }}
{% endif -%}
{% if is_loaded('sync_project_projects') -%}
left join {{ ref('stg_exact_online__projects') }} as project_now
  on project_now.division = r.division and project_now.project_id = {{ identifier('r.project') }}
{% endif -%}

{{ config(enabled=is_loaded('sync_sales_order_sales_order_headers')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as sales_order_row_id,
  {{ amount('r.amount_dc') }} as amount_dc,
  {{ amount('r.amount_discount') }} as amount_discount,
  {{ amount('r.amount_discount_excl_vat') }} as amount_discount_excl_vat,
  {{ amount('r.amount_fc') }} as amount_fc,
  {{ amount('r.amount_fc_excl_vat') }} as amount_fc_excl_vat,
  r.approval_status,
  r.approval_status_description,
  r.approved,
  {{ identifier('r.approver') }} as approver_id,
  r.approver_full_name,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  trim(r.currency) as currency,
  r.custom_field,
  {{ identifier('r.deliver_to') }} as deliver_to_id,
  {{ identifier('r.deliver_to_contact_person') }} as deliver_to_contact_person_id,
  {{ present('sync_crm_contacts', 'deliver_to_contact_person_now.full_name', 'r.deliver_to_contact_person_full_name') }} as deliver_to_contact_person_full_name,
  {{ present('sync_crm_accounts', 'deliver_to_now.account_name', 'r.deliver_to_name') }} as deliver_to_name,
  {{ identifier('r.delivery_address') }} as delivery_address_id,
  cast(r.delivery_date as date) as delivery_date,
  r.delivery_status,
  r.delivery_status_description,
  r.description,
  {{ quantity('r.discount') }} as discount,
  {{ identifier('r.document') }} as document_id,
  r.document_number,
  {{ present('sync_documents_documents', 'document_now.subject', 'r.document_subject') }} as document_subject,
  r.incoterm_address,
  trim(r.incoterm_code) as incoterm_code,
  r.incoterm_version,
  r.invoice_status,
  r.invoice_status_description,
  {{ identifier('r.invoice_to') }} as invoice_to_id,
  {{ identifier('r.invoice_to_contact_person') }} as invoice_to_contact_person_id,
  {{ present('sync_crm_contacts', 'invoice_to_contact_person_now.full_name', 'r.invoice_to_contact_person_full_name') }} as invoice_to_contact_person_full_name,
  {{ present('sync_crm_accounts', 'invoice_to_now.account_name', 'r.invoice_to_name') }} as invoice_to_name,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.notes,
  cast(r.order_date as date) as order_date,
  {{ identifier('r.ordered_by') }} as ordered_by_id,
  {{ identifier('r.ordered_by_contact_person') }} as ordered_by_contact_person_id,
  {{ present('sync_crm_contacts', 'ordered_by_contact_person_now.full_name', 'r.ordered_by_contact_person_full_name') }} as ordered_by_contact_person_full_name,
  {{ present('sync_crm_accounts', 'ordered_by_now.account_name', 'r.ordered_by_name') }} as ordered_by_name,
  {{ identifier('r.order_id') }} as order_id,
  r.order_number,
  trim(r.payment_condition) as payment_condition,
  r.payment_condition_description,
  r.payment_reference,
  {{ identifier('r.project') }} as project_id,
  {{ present('sync_project_projects', 'project_now.code', 'trim(r.project_code)') }} as project_code,
  {{ present('sync_project_projects', 'project_now.description', 'r.project_description') }} as project_description,
  r.remarks,
  {{ identifier('r.sales_channel') }} as sales_channel_id,
  trim(r.sales_channel_code) as sales_channel_code,
  r.sales_channel_description,
  {{ identifier('r.salesperson') }} as salesperson_id,
  r.salesperson_full_name,
  {{ identifier('r.selection_code') }} as selection_code_id,
  trim(r.selection_code_code) as selection_code_code,
  r.selection_code_description,
  {{ identifier('r.shipping_method') }} as shipping_method_id,
  trim(r.shipping_method_code) as shipping_method_code,
  r.shipping_method_description,
  r.status,
  r.status_description,
  {{ amount('r.vat_amount') }} as vat_amount,
  trim(r.vat_code) as vat_code,
  {{ present('vat_vat_codes', 'vat_code_now.description', 'r.vat_code_description') }} as vat_code_description,
  trim(r.warehouse_code) as warehouse_code,
  r.warehouse_description,
  {{ identifier('r.warehouse_id') }} as warehouse_id,
  r.your_ref
from {{ live_rows('sync_sales_order_sales_order_headers') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
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
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as invoice_to_now
  on invoice_to_now.division = r.division and invoice_to_now.account_id = {{ identifier('r.invoice_to') }}
{% endif -%}
{% if is_loaded('sync_crm_contacts') -%}
left join {{ ref('stg_exact_online__contacts') }} as invoice_to_contact_person_now
  on invoice_to_contact_person_now.division = r.division and invoice_to_contact_person_now.contact_id = {{ identifier('r.invoice_to_contact_person') }}
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
{% if is_loaded('vat_vat_codes') -%}
left join {{ ref('stg_exact_online__vat_codes') }} as vat_code_now
  on vat_code_now.division = r.division and vat_code_now.code = trim(r.vat_code)
{% endif -%}

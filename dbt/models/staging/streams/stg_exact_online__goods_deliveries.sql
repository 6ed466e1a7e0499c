{{ config(enabled=is_loaded('sync_sales_order_goods_deliveries')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.entry_id') }} as goods_delivery_id,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  {{ identifier('r.delivery_account') }} as delivery_account_id,
  {{ present('sync_crm_accounts', 'delivery_account_now.account_code', 'trim(r.delivery_account_code)') }} as delivery_account_code,
  {{ present('sync_crm_accounts', 'delivery_account_now.account_name', 'r.delivery_account_name') }} as delivery_account_name,
  {{ identifier('r.delivery_address') }} as delivery_address_id,
  {{ identifier('r.delivery_contact') }} as delivery_contact_id,
  {{ present('sync_crm_contacts', 'delivery_contact_now.full_name', 'r.delivery_contact_person_full_name') }} as delivery_contact_person_full_name,
  cast(r.delivery_date as date) as delivery_date,
  r.delivery_number,
  r.description,
  {{ identifier('r.document') }} as document_id,
  {{ present('sync_documents_documents', 'document_now.subject', 'r.document_subject') }} as document_subject,
  r.entry_number,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.remarks,
  {{ identifier('r.shipping_method') }} as shipping_method_id,
  trim(r.shipping_method_code) as shipping_method_code,
  r.shipping_method_description,
  r.tracking_number,
  {{ identifier('r.warehouse') }} as warehouse_id,
  trim(r.warehouse_code) as warehouse_code,
  r.warehouse_description
from {{ live_rows('sync_sales_order_goods_deliveries', key='entry_id') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as delivery_account_now
  on delivery_account_now.division = r.division and delivery_account_now.account_id = {{ identifier('r.delivery_account') }}
{% endif -%}
{% if is_loaded('sync_crm_contacts') -%}
left join {{ ref('stg_exact_online__contacts') }} as delivery_contact_now
  on delivery_contact_now.division = r.division and delivery_contact_now.contact_id = {{ identifier('r.delivery_contact') }}
{% endif -%}
{% if is_loaded('sync_documents_documents') -%}
left join {{ ref('stg_exact_online__documents') }} as document_now
  on document_now.division = r.division and document_now.document_id = {{ identifier('r.document') }}
{% endif -%}

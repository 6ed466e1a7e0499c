{{ config(enabled=is_loaded('sync_purchase_order_purchase_orders')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as purchase_order_line_id,
  {{ amount('r.amount_dc') }} as amount_dc,
  {{ amount('r.amount_fc') }} as amount_fc,
  r.approval_status,
  r.approval_status_description,
  r.approved,
  {{ identifier('r.approver') }} as approver_id,
  r.approver_full_name,
  {{ identifier('r.cost_center') }} as cost_center_id,
  trim(r.cost_center_code) as cost_center_code,
  {{ present('hrm_costcenters', 'cost_center_now.description', 'r.cost_center_description') }} as cost_center_description,
  {{ identifier('r.cost_unit') }} as cost_unit_id,
  trim(r.cost_unit_code) as cost_unit_code,
  {{ present('hrm_costunits', 'cost_unit_now.description', 'r.cost_unit_description') }} as cost_unit_description,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  trim(r.currency) as currency,
  r.custom_field,
  {{ identifier('r.delivery_account') }} as delivery_account_id,
  {{ present('sync_crm_accounts', 'delivery_account_now.account_code', 'trim(r.delivery_account_code)') }} as delivery_account_code,
  {{ present('sync_crm_accounts', 'delivery_account_now.account_name', 'r.delivery_account_name') }} as delivery_account_name,
  {{ identifier('r.delivery_address') }} as delivery_address_id,
  {{ identifier('r.delivery_contact') }} as delivery_contact_id,
  {{ present('sync_crm_contacts', 'delivery_contact_now.full_name', 'r.delivery_contact_person_full_name') }} as delivery_contact_person_full_name,
  r.description,
  {{ quantity('r.discount') }} as discount,
  {{ identifier('r.document') }} as document_id,
  r.document_number,
  {{ present('sync_documents_documents', 'document_now.subject', 'r.document_subject') }} as document_subject,
  r.drop_shipment,
  {{ quantity('r.exchange_rate') }} as exchange_rate,
  {{ identifier('r.expense') }} as expense_id,
  r.expense_description,
  r.incoterm_address,
  trim(r.incoterm_code) as incoterm_code,
  r.incoterm_version,
  {{ quantity('r.invoiced_quantity') }} as invoiced_quantity,
  r.invoice_status,
  r.is_batch_number_item,
  r.is_serial_number_item,
  {{ identifier('r.item') }} as item_id,
  r.item_barcode,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  r.item_divisable,
  r.line_number,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  {{ quantity('r.net_price') }} as net_price,
  r.notes,
  cast(r.order_date as date) as order_date,
  r.order_number,
  r.order_status,
  trim(r.payment_condition) as payment_condition,
  r.payment_condition_description,
  {{ identifier('r.project') }} as project_id,
  {{ present('sync_project_projects', 'project_now.code', 'trim(r.project_code)') }} as project_code,
  {{ present('sync_project_projects', 'project_now.description', 'r.project_description') }} as project_description,
  {{ identifier('r.purchase_agent') }} as purchase_agent_id,
  r.purchase_agent_full_name,
  {{ identifier('r.purchase_order_id') }} as purchase_order_id,
  {{ quantity('r.quantity') }} as quantity,
  {{ quantity('r.quantity_in_purchase_units') }} as quantity_in_purchase_units,
  r.rebill,
  cast(r.receipt_date as date) as receipt_date,
  r.receipt_status,
  {{ quantity('r.received_quantity') }} as received_quantity,
  r.remarks,
  {{ identifier('r.sales_order') }} as sales_order_id,
  {{ identifier('r.sales_order_line') }} as sales_order_line_id,
  r.sales_order_line_number,
  r.sales_order_number,
  {{ identifier('r.selection_code') }} as selection_code_id,
  trim(r.selection_code_code) as selection_code_code,
  r.selection_code_description,
  r.sending_method,
  {{ identifier('r.shipping_method') }} as shipping_method_id,
  trim(r.shipping_method_code) as shipping_method_code,
  r.shipping_method_description,
  r.source,
  {{ identifier('r.supplier') }} as supplier_id,
  {{ present('sync_crm_accounts', 'supplier_now.account_code', 'trim(r.supplier_code)') }} as supplier_code,
  {{ identifier('r.supplier_contact') }} as supplier_contact_id,
  {{ present('sync_crm_contacts', 'supplier_contact_now.full_name', 'r.supplier_contact_person_full_name') }} as supplier_contact_person_full_name,
  trim(r.supplier_item_code) as supplier_item_code,
  r.supplier_item_copy_remarks,
  {{ present('sync_crm_accounts', 'supplier_now.account_name', 'r.supplier_name') }} as supplier_name,
  trim(r.unit) as unit,
  r.unit_description,
  {{ quantity('r.unit_price') }} as unit_price,
  {{ amount('r.vat_amount') }} as vat_amount,
  trim(r.vat_code) as vat_code,
  {{ present('vat_vat_codes', 'vat_code_now.description', 'r.vat_description') }} as vat_description,
  {{ quantity('r.vat_percentage') }} as vat_percentage,
  {{ identifier('r.warehouse') }} as warehouse_id,
  trim(r.warehouse_code) as warehouse_code,
  r.warehouse_description,
  r.your_ref
from {{ live_rows('sync_purchase_order_purchase_orders') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('hrm_costcenters') -%}
left join {{ ref('stg_exact_online__cost_centers') }} as cost_center_now
  on cost_center_now.division = r.division and cost_center_now.code = {{ identifier('r.cost_center') }}
{% endif -%}
{% if is_loaded('hrm_costunits') -%}
left join {{ ref('stg_exact_online__cost_units') }} as cost_unit_now
  on cost_unit_now.division = r.division and cost_unit_now.code = {{ identifier('r.cost_unit') }}
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
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}
{% if is_loaded('sync_project_projects') -%}
left join {{ ref('stg_exact_online__projects') }} as project_now
  on project_now.division = r.division and project_now.project_id = {{ identifier('r.project') }}
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as supplier_now
  on supplier_now.division = r.division and supplier_now.account_id = {{ identifier('r.supplier') }}
{% endif -%}
{% if is_loaded('sync_crm_contacts') -%}
left join {{ ref('stg_exact_online__contacts') }} as supplier_contact_now
  on supplier_contact_now.division = r.division and supplier_contact_now.contact_id = {{ identifier('r.supplier_contact') }}
{% endif -%}
{% if is_loaded('vat_vat_codes') -%}
left join {{ ref('stg_exact_online__vat_codes') }} as vat_code_now
  on vat_code_now.division = r.division and vat_code_now.code = trim(r.vat_code)
{% endif -%}

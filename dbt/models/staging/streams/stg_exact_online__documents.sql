{{ config(enabled=is_loaded('sync_documents_documents')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as document_id,
  {{ identifier('r.account') }} as account_id,
  {{ present('sync_crm_accounts', 'account_now.account_code', 'trim(r.account_code)') }} as account_code,
  {{ present('sync_crm_accounts', 'account_now.account_name', 'r.account_name') }} as account_name,
  {{ amount('r.amount_fc') }} as amount_fc,
  r.body,
  {{ identifier('r.category') }} as category_id,
  r.category_description,
  {{ identifier('r.contact') }} as contact_id,
  {{ present('sync_crm_contacts', 'contact_now.full_name', 'r.contact_full_name') }} as contact_full_name,
  {{ identifier('r.contract_id') }} as contract_id,
  r.contract_number,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  trim(r.currency) as currency,
  cast(r.document_date as date) as document_date,
  {{ identifier('r.document_folder') }} as document_folder_id,
  trim(r.document_folder_code) as document_folder_code,
  r.document_folder_description,
  r.document_view_url,
  cast(r.expiry_date as date) as expiry_date,
  {{ identifier('r.financial_transaction_entry_id') }} as financial_transaction_entry_id,
  r.has_empty_body,
  r.hid,
  r.inherit_share,
  {{ identifier('r.item') }} as item_id,
  {{ present('sync_logistics_items', 'item_now.item_code', 'trim(r.item_code)') }} as item_code,
  {{ present('sync_logistics_items', 'item_now.item', 'r.item_description') }} as item_description,
  {{ identifier('r.item_material') }} as item_material_id,
  {{ identifier('r.item_routing_step') }} as item_routing_step_id,
  r.language,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  {{ identifier('r.opportunity') }} as opportunity_id,
  {{ identifier('r.project') }} as project_id,
  {{ present('sync_project_projects', 'project_now.code', 'trim(r.project_code)') }} as project_code,
  {{ present('sync_project_projects', 'project_now.description', 'r.project_description') }} as project_description,
  r.proposed_entry_status,
  r.sales_invoice_number,
  r.sales_order_number,
  r.send_method,
  r.shop_order_number,
  r.subject,
  r.teams_meeting_id,
  r.type,
  r.type_description,
  r.entry_status_description,
  r.action_regenerate_entry_proposal
from {{ live_rows('sync_documents_documents') }} as r
{% if is_loaded('system_divisions') -%}
left join {{ ref('stg_exact_online__divisions') }} as d
  on d.division = r.division
{% endif -%}
{% if is_loaded('sync_crm_accounts') -%}
left join {{ ref('stg_exact_online__accounts') }} as account_now
  on account_now.division = r.division and account_now.account_id = {{ identifier('r.account') }}
{% endif -%}
{% if is_loaded('sync_crm_contacts') -%}
left join {{ ref('stg_exact_online__contacts') }} as contact_now
  on contact_now.division = r.division and contact_now.contact_id = {{ identifier('r.contact') }}
{% endif -%}
{% if is_loaded('sync_logistics_items') -%}
left join {{ ref('stg_exact_online__items') }} as item_now
  on item_now.division = r.division and item_now.item_id = {{ identifier('r.item') }}
{% endif -%}
{% if is_loaded('sync_project_projects') -%}
left join {{ ref('stg_exact_online__projects') }} as project_now
  on project_now.division = r.division and project_now.project_id = {{ identifier('r.project') }}
{% endif -%}

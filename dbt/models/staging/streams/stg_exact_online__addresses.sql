{{ config(enabled=is_loaded('sync_crm_addresses')) }}

-- Written by `make models` from the tap's catalogue: change scripts/build_dbt_staging.py instead.
select
  r.division,
  {{ present('system_divisions', 'd.division_name') }} as division_name,
  {{ present('system_divisions', 'd.currency') }} as division_currency,
  {{ identifier('r.id') }} as address_id,
  {{ identifier('r.account') }} as account_id,
  r.account_is_supplier,
  {{ present('sync_crm_accounts', 'account_now.account_name', 'r.account_name') }} as account_name,
  r.address_line1,
  r.address_line2,
  r.address_line3,
  r.city,
  {{ identifier('r.contact') }} as contact_id,
  {{ present('sync_crm_contacts', 'contact_now.full_name', 'r.contact_name') }} as contact_name,
  trim(r.country) as country,
  r.country_name,
  r.created,
  {{ identifier('r.creator') }} as creator_id,
  r.creator_full_name,
  r.custom_field,
  r.fax,
  r.free_bool_field_01,
  r.free_bool_field_02,
  r.free_bool_field_03,
  r.free_bool_field_04,
  r.free_bool_field_05,
  r.free_date_field_01,
  r.free_date_field_02,
  r.free_date_field_03,
  r.free_date_field_04,
  r.free_date_field_05,
  {{ quantity('r.free_number_field_01') }} as free_number_field_01,
  {{ quantity('r.free_number_field_02') }} as free_number_field_02,
  {{ quantity('r.free_number_field_03') }} as free_number_field_03,
  {{ quantity('r.free_number_field_04') }} as free_number_field_04,
  {{ quantity('r.free_number_field_05') }} as free_number_field_05,
  r.free_text_field_01,
  r.free_text_field_02,
  r.free_text_field_03,
  r.free_text_field_04,
  r.free_text_field_05,
  r.mailbox,
  r.main,
  r.modified,
  {{ identifier('r.modifier') }} as modifier_id,
  r.modifier_full_name,
  r.nic_number,
  r.notes,
  r.phone,
  r.phone_extension,
  r.postcode,
  r.state,
  r.state_description,
  r.type,
  {{ identifier('r.warehouse') }} as warehouse_id,
  trim(r.warehouse_code) as warehouse_code,
  r.warehouse_description
from {{ live_rows('sync_crm_addresses') }} as r
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

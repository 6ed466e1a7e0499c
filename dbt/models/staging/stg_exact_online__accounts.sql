{{ config(enabled=is_loaded('sync_crm_accounts')) }}

select
  a.division,
  {{ identifier('a.id') }} as account_id,
  trim(a.code) as account_code,
  a.name as account_name,
  a.status as account_status,
  coalesce(a.is_supplier, false) as is_supplier,
  a.country,
  cast(a.start_date as date) as start_date
from {{ live_rows('sync_crm_accounts') }} as a

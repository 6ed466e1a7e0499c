{{ config(enabled=is_loaded('financial_journals')) }}

select
  j.division,
  {{ identifier('j.id') }} as journal_id,
  trim(j.code) as journal_code,
  j.description as journal,
  j.type as journal_type,
  {{ identifier('j.gl_account') }} as gl_account_id
from {{ live_rows('financial_journals', key=none) }} as j

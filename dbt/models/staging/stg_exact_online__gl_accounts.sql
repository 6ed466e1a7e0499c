{{ config(enabled=is_loaded('sync_financial_gl_accounts')) }}

select
  g.division,
  {{ identifier('g.id') }} as gl_account_id,
  trim(g.code) as gl_account_code,
  g.description as gl_account,
  g.type as gl_type,
  g.type_description as gl_type_description,
  g.balance_type,
  g.balance_side
from {{ live_rows('sync_financial_gl_accounts') }} as g

{{ config(enabled=is_loaded('sync_cashflow_payment_terms')) }}

select
  t.division,
  {{ identifier('t.id') }} as payment_term_id,
  case t.line_type when 20 then 'receivable' when 22 then 'payable' end as kind,
  {{ identifier('t.account') }} as account_id,
  {{ identifier('t.gl_account') }} as gl_account_id,
  t.invoice_number,
  cast(t.invoice_date as date) as invoice_date,
  cast(t.due_date as date) as due_date,
  cast(t.end_date as date) as settled_on,
  {{ amount('t.amount_dc * ' ~ var('exact_online_open_items_sign')) }} as amount,
  {{ amount('t.amount_fc * ' ~ var('exact_online_open_items_sign')) }} as foreign_amount,
  trim(t.currency) as foreign_currency
from {{ live_rows('sync_cashflow_payment_terms') }} as t

{{ config(enabled=is_loaded('sync_financial_transaction_lines')) }}

select
  l.division,
  {{ identifier('l.id') }} as line_id,
  {{ identifier('l.entry_id') }} as entry_id,
  l.entry_number,
  l.line_number,
  cast(l.date as date) as entry_date,
  l.financial_year,
  l.financial_period,
  trim(l.journal_code) as journal_code,
  {{ identifier('l.gl_account') }} as gl_account_id,
  {{ identifier('l.account') }} as account_id,
  {{ identifier('l.item') }} as item_id,
  {{ identifier('l.subscription') }} as subscription_id,
  l.invoice_number,
  l.description,
  l.type as transaction_type,
  -- The close of a period (310) and of a year (320 to 328) turns every account of the result back to zero.
  coalesce(l.type = 310 or l.type between 320 and 328, false) as is_closing,
  {{ quantity('l.quantity') }} as quantity,
  {{ amount('l.amount_dc') }} as amount,
  {{ amount('l.amount_fc') }} as foreign_amount,
  trim(l.currency) as foreign_currency,
  trim(l.vat_code) as vat_code
from {{ live_rows('sync_financial_transaction_lines') }} as l

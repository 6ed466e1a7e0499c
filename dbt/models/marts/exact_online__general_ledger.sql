{{ config(
  enabled=has_ledger(),
  unique_key=['division', 'line_id'],
  on_schema_change='sync_all_columns',
  post_hook="{{ delete_gone('stg_exact_online__transaction_lines', ['division', 'line_id']) }}",
) }}

with ledger as (
  select
    l.line_id,
    l.division,
    d.division_name,
    d.currency,
    l.entry_id,
    l.entry_number,
    l.line_number,
    l.entry_date,
    l.financial_year,
    l.financial_period,
    l.journal_code,
    j.journal,
    l.gl_account_id,
    g.gl_account_code,
    g.gl_account,
    g.gl_type,
    g.gl_type_description,
    g.balance_type,
    l.account_id,
    a.account_code,
    a.account_name,
    l.item_id,
    {% if is_loaded('sync_logistics_items') -%}
    i.item_code,
    i.item,
    {% else -%}
    cast(null as {{ dbt.type_string() }}) as item_code,
    cast(null as {{ dbt.type_string() }}) as item,
    {% endif -%}
    l.subscription_id,
    l.invoice_number,
    l.description,
    l.transaction_type,
    l.is_closing,
    l.vat_code,
    l.quantity,
    l.amount,
    case when l.amount > 0 then l.amount else 0 end as debit,
    case when l.amount < 0 then -l.amount else 0 end as credit,
    l.foreign_amount,
    l.foreign_currency
  from {{ ref('stg_exact_online__transaction_lines') }} as l
  left join {{ ref('stg_exact_online__divisions') }} as d
    on d.division = l.division
  left join {{ ref('stg_exact_online__gl_accounts') }} as g
    on g.division = l.division and g.gl_account_id = l.gl_account_id
  left join {{ ref('stg_exact_online__journals') }} as j
    on j.division = l.division and j.journal_code = l.journal_code
  left join {{ ref('stg_exact_online__accounts') }} as a
    on a.division = l.division and a.account_id = l.account_id
  {% if is_loaded('sync_logistics_items') -%}
  left join {{ ref('stg_exact_online__items') }} as i
    on i.division = l.division and i.item_id = l.item_id
  {% endif -%}
)

{{ only_changed('ledger', ['division', 'line_id']) }}

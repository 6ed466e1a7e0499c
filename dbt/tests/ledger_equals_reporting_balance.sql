{{ config(enabled=has_ledger() and is_loaded('financial_reporting_balance')) }}

-- The ledger's movements equal Exact's own totals, for each account, period and type of transaction.
-- Those are read whole: without the tap's `emit_activate_version_messages`, totals that are gone at Exact stay in their table.
with both_sides as (
  select division, gl_account_id, financial_year, financial_period, transaction_type, amount as ledger, 0 as reported
  from {{ ref('exact_online__general_ledger') }}
  union all
  select division, gl_account_id, reporting_year, reporting_period, transaction_type, 0 as ledger, amount as reported
  from {{ ref('stg_exact_online__reporting_balance') }}
)

select
  division, gl_account_id, financial_year, financial_period, transaction_type,
  sum(ledger) as ledger, sum(reported) as reported
from both_sides
group by division, gl_account_id, financial_year, financial_period, transaction_type
having sum(ledger) <> sum(reported)

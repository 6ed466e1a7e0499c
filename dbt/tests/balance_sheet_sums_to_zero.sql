{{ config(enabled=has_ledger()) }}

-- Everything owned, owed and earned adds up to nothing, at the end of each period.
select division, financial_year, financial_period, sum(balance) as difference
from {{ ref('exact_online__balance_sheet') }}
group by division, financial_year, financial_period
having sum(balance) <> 0

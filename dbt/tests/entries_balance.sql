{{ config(enabled=has_ledger()) }}

-- Debit equals credit in every entry.
select division, entry_id, sum(amount) as difference
from {{ ref('exact_online__general_ledger') }}
group by division, entry_id
having sum(amount) <> 0

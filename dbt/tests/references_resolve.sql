{{ config(enabled=has_ledger()) }}

-- Each line finds its administration, its ledger account, and the relation, item and journal that it names.
select division, line_id
from {{ ref('exact_online__general_ledger') }}
where division_name is null
  or gl_account_code is null
  or (account_id is not null and account_code is null)
  or (journal_code is not null and journal is null)
  {% if is_loaded('sync_logistics_items') %}
  or (item_id is not null and item_code is null)
  {% endif %}

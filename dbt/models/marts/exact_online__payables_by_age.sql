{{ config(enabled=has_open_items()) }}

{{ items_by_age('payable', -1) }}

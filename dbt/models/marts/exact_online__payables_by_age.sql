{{ items_by_age('payable', -1) }}

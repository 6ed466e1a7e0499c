{{ items_by_age('receivable', 1) }}

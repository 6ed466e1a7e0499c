"""What columns mean, in our own words: rules for kinds of names, a list for the rest.

The descriptions in the tap's schemas, and those of the dbt package's staging models.
"""

from __future__ import annotations

import re

from tap_exactonline.endpoints import Field

# Names that words made of the name itself do not explain.
_KNOWN = {
    "amount_dc": "Amount in the base currency of the administration.",
    "amount_fc": "Amount in the currency of the document.",
    "amount_fc_excl_vat": "Amount in the currency of the document, without VAT.",
    "amount_discount": "Discount as an amount, VAT included.",
    "amount_discount_excl_vat": "Discount as an amount, without VAT.",
    "amount_precision": "The step to which amounts are rounded.",
    "price_precision": "The step to which prices are rounded.",
    "amount_vat_fc": "VAT in the currency of the document.",
    "amount_vat_base_fc": "The amount that the VAT is computed of, in the currency of the document.",
    "backflush": "Whether material is issued by itself when the order is finished.",
    "is_backflush": "Whether material was issued by itself when the order was finished.",
    "batch_number": "Number of the batch of bookings.",
    "created": "When the row was made, by the clock of the administration.",
    "syscreated": "When the row was made, by the clock of the administration.",
    "created_date": "When the row was made, by the clock of the administration.",
    "modified": "When the row was last changed, by the clock of the administration.",
    "sysmodified": "When the row was last changed, by the clock of the administration.",
    "current_stock": "Pieces in stock now.",
    "free_stock": "Pieces in stock that are not reserved.",
    "projected_stock": "Pieces in stock with what is planned to come and to go.",
    "planning_in": "Pieces that are planned to come.",
    "planning_out": "Pieces that are planned to go.",
    "custom_field": "Fields of your own, as Exact sends them.",
    "deleted_date": "When the row was deleted, by the clock of the administration.",
    "entity_key": "GUID of the deleted row.",
    "entity_type": "Exact's number of the kind of row.",
    "entity": "The kind of row in words.",
    "stream": "The stream that the deleted row was in.",
    "discount": "Discount as a fraction: 0.1 is ten per cent.",
    "due_date": "Day on which it is due.",
    "entry_id": "GUID of the document or entry; all its lines share it.",
    "fin_period": "Number of the financial period.",
    "fin_year": "Financial year.",
    "financial_period": "Period in the financial year.",
    "financial_year": "Financial year of the booking.",
    "g_account_amount_fc": "The part that goes to the blocked account for wage taxes, in the currency of the document.",
    "hid": "Number that people see in Exact.",
    "employee_hid": "Number of the employee that people see in Exact.",
    "hour_status": "1 draft, 2 rejected, 10 submitted, 20 approved, and more.",
    "intra_stat": "Whether it counts for Intrastat.",
    "line_number": "Number of the line in its document. In entries and invoices 0 is the total, 9999 the VAT.",
    "line_type": "Exact's kind of the line.",
    "main": "Whether it is the main one.",
    "milestone": "Whether it is a milestone.",
    "net_price": "Price of a unit after discount, in the currency of the document.",
    "nic_number": "Number of the establishment, in France.",
    "nillable": "Whether the taxonomy allows no value.",
    "abstract": "Whether the taxonomy uses it for grouping only.",
    "offset_id": "GUID of the line that this one is booked against.",
    "oss_country": "Country of the one-stop shop.",
    "percentage": "VAT as a fraction: 0.21 for 21 %.",
    "vat_percentage": "Percentage of the VAT, as Exact sends it.",
    "rate": "Exchange rate from the currency of the document to the base currency.",
    "exchange_rate": "Exchange rate from the currency of the document to the base currency.",
    "reporting_period": "Period for reports.",
    "reporting_year": "Year for reports.",
    "reversal": "Whether the entry takes another one back.",
    "timestamp": "Exact's counter of changes.",
    "unit_price": "Price of a unit, in the currency of the document.",
    "price_fc": "Price of a unit, in the currency of the document.",
    "wbs_id": "GUID of the part of the project.",
    "your_ref": "Reference of the customer or supplier.",
    "part_of": "GUID of the part of the project that this one belongs to.",
    "withholding_tax_base_amount": "The amount that the withholding tax is computed of.",
}  # fmt: skip
_ENDINGS = (
    ("_dc", "{} in the base currency."),
    ("_fc", "{} in the currency of the document."),
    ("_percentage", "Percentage: {}."),
    ("_count", "How many: {}."),
    ("_date", "Day: {} date."),
    ("_time", "Moment: {} time."),
    ("_description", "{} in words."),
)
_ABBREVIATIONS = {
    "vat": "VAT", "gl": "ledger", "wbs": "part of the project", "id": "GUID", "url": "address", "po": "purchase order", "bgt": "budget",
    "pdf": "PDF", "cad": "CAD", "eu": "EU",
    "costcenter": "cost centre", "costunit": "cost unit", "center": "centre", "hid": "number", "divisable": "divisible",
}  # fmt: skip
_FREE = re.compile(r"free_(bool|date|number|text)_field_(\d+)")
_KINDS = {"bool": "yes or no", "date": "a date", "number": "a number", "text": "a text"}


def words(column: str) -> str:
    """A column's name as words: ``gl_account`` → ``ledger account``."""
    return " ".join(_ABBREVIATIONS.get(word, word) for word in column.split("_"))


def meaning(field: Field, *, copied_from: str | None = None, fresh: bool = False) -> str:
    """One sentence on a column.

    Args:
        field: The column, as the tap's catalogue has it.
        copied_from: The column that names the row which this is a copy of: ``account`` for ``account_name``.
        fresh: The model looks it up in that row.
    """
    column = field.column
    if copied_from is not None:
        return _copy(column, copied_from, fresh=fresh)
    return _KNOWN.get(column) or _by_type(field) or _by_ending(column)


def _by_type(field: Field) -> str | None:
    column = field.column
    if found := _FREE.fullmatch(column):
        return f"Field of your own no. {int(found[2])}: {_KINDS[found[1]]}."
    if column == "id":
        return "GUID of the row." if field.type == "guid" else "Number of the row."
    if field.type == "guid":
        return f"GUID of the {words(column.removesuffix('_id'))}."
    if field.type in ("boolean", "byte"):
        return f"Yes or no: {words(column.removeprefix('is_'))}."
    return None


def _by_ending(column: str) -> str:
    for ending, text in _ENDINGS:
        if column.endswith(ending):
            return capital(text.format(words(column.removesuffix(ending))))
    return f"{capital(words(column))}."


def _copy(column: str, origin: str, *, fresh: bool) -> str:
    what = words(column.removeprefix(origin.removesuffix("_id")).strip("_") or column)
    age = "looked up in its own row" if fresh else "as of the last change of this row"
    return f"{capital(what)} of the {words(origin.removesuffix('_id'))}, {age}."


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]

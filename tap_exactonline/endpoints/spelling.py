"""Exact's names in snake_case: what streams and columns are called.

A name once given is a promise to somebody's tables, so these rules don't change. A column's name is stored in the
data files; the rules are applied again only to what a user adds by the setting ``extra_streams``.
"""

from __future__ import annotations

import re

LONGEST = 63
"""Characters of a name in PostgreSQL; targets stop at a longer one."""

# Where splitting at capitals reads badly.
COLUMNS = {
    "EMail": "email",
    "CustomerPOnumber": "customer_po_number",
    "SharePointID": "sharepoint_id",
    "SharePointConnectionStatus": "sharepoint_connection_status",
}

# A capital starts a word when it follows a lower-case letter or digit, or ends a run of capitals. Runs that
# hold two words are listed; DC and FC (default and foreign currency) are words wherever they end a run.
_KNOWN = re.compile(r"(GL(?=Account|AP|AR)|VAT(?=GL|DC|FC))")
_PLURAL = re.compile(r"(?<=[A-Z])s$")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake(name: str) -> str:
    """``AmountVATDC`` → ``amount_vat_dc``."""
    text = _KNOWN.sub(r"\1_", _PLURAL.sub("S", name))
    return re.sub(r"_+", "_", _WORD.sub("_", text)).lower()


def column(name: str) -> str:
    """The name under which a field is emitted."""
    return COLUMNS.get(name) or snake(name)


def stream(path: str) -> str:
    """The name of an endpoint's stream: its path in snake_case, without ``read`` where it would be too long."""
    name = "_".join(snake(part) for part in path.split("/"))
    return name if len(name) <= LONGEST else name.removeprefix("read_")


def field_type(edm: str) -> str:
    """``Edm.Int64`` → ``int64``; everything nested is ``collection`` or ``complex``."""
    if edm.startswith("Edm."):
        return edm[4:].lower()
    return "collection" if edm.startswith("Collection(") else "complex"

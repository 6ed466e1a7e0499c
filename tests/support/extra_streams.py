"""What the tests of the setting extra_streams share."""

from __future__ import annotations

from datetime import datetime

from tests.exact_online import ExactOnline

ITEMS = [f"0000000{n}-89ab-cdef-0123-456789abcdef" for n in range(3)]
YEARS = [(year, period) for year in (2022, 2023, 2024) for period in range(1, 13)]
REVENUE = {
    "name": "revenue_by_year",
    "path": "read/financial/RevenueListByYear",
    "parameters": {"year": [2023, 2024]},
}
UNLINK = (
    '<FunctionImport Name="UnlinkAllRoles" ReturnType="Edm.Boolean" m:HttpMethod="GET">'
    '<Parameter Name="userId" Type="Edm.String" Mode="In"/></FunctionImport>'
)
"""As the genuine ``users/$metadata`` declares it (findings of 2026): a change, with the method GET."""

THINGS = {"name": "things", "path": "crm/Things", "columns": "metadata"}


def revenue_of_three_years(exact: ExactOnline) -> None:
    exact.function_answers(
        "read/financial/RevenueListByYear",
        [{"Year": year, "Period": period, "Amount": year + period / 100} for year, period in YEARS],
    )


def add_things(exact: ExactOnline, count: int = 3) -> None:
    fields = {
        "ID": "guid",
        "Name": "string",
        "Modified": "datetime",
        "Amount": "double",
        "Lines": "collection",
    }
    rows = [
        {"ID": ITEMS[n], "Name": f"thing {n}", "Modified": datetime(2024, 1, 1 + n), "Amount": n / 4}  # noqa: DTZ001
        for n in range(count)
    ]
    exact.add_endpoint("crm/Things", fields, ["ID"], rows)


def asked(exact: ExactOnline, path: str) -> list[dict[str, str]]:
    """The queries of the calls to a path."""
    return [call.query for call in exact.log if call.path.lower().endswith(path.lower())]

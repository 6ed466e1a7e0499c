# ruff: noqa: DTZ001  (naive dates are the wall clock of an administration)
"""The stand-in's ``$select`` and ``$filter``: the grammar by properties, the refusals one by one."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exact_online import Clock, ExactOnline, predicate, query
from tests.exact_online.client import Client, message
from tests.exact_online.wordings import UNKNOWN_FIELD

WORDS = {"and", "or", "not", "true", "false", "null", "datetime", "guid", *query.PREDICATES, *query.WRAPPERS}
names = st.from_regex(r"[A-Z][A-Za-z_0-9]{0,8}", fullmatch=True).filter(lambda n: n not in WORDS)
literals = st.one_of(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(
        lambda d: query.literal("datetime", d.replace(microsecond=0).isoformat())
    ),
    st.uuids().map(lambda u: query.literal("guid", str(u))),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=12).map(
        lambda t: query.literal("string", t)
    ),
    st.integers(-(2**63), 2**63).flatmap(
        lambda n: st.sampled_from([f"{n}", f"{n}L"]).map(lambda t: query.literal("number", t))
    ),
    st.sampled_from(
        [
            query.Literal("boolean", True, "true"),
            query.Literal("boolean", False, "false"),
            query.Literal("null", None, "null"),
        ]
    ),
)
compares = st.builds(
    query.Compare, names, st.sampled_from(sorted(query.OPS)), literals, st.none() | st.just("trim")
)
predicates = st.builds(
    query.Predicate, st.sampled_from(query.PREDICATES), names, st.text(max_size=5), st.booleans()
)
nodes = st.recursive(
    compares | predicates,
    lambda inner: st.one_of(
        st.builds(query.Not, inner), st.builds(query.Logic, st.sampled_from(["and", "or"]), inner, inner)
    ),
    max_leaves=8,
)


@given(nodes)
def test_a_filter_survives_printing_and_parsing(node: query.Node) -> None:
    assert query.parse(query.render(node)) == node


@given(st.text(max_size=40))
def test_nonsense_is_refused_with_a_message_and_nothing_else(text: str) -> None:
    try:
        query.parse(text)
    except query.QueryError as exc:
        assert exc.args[0]  # noqa: PT017  (most texts are refused, a few are filters)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20), st.integers(0, 3), st.data())
def test_and_binds_tighter_than_or(rows: list[tuple[int, int]], n: int, data: st.DataObject) -> None:
    ops = {"gt": operator.gt, "le": operator.le, "ne": operator.ne}
    first, second, third = (data.draw(st.sampled_from(sorted(ops))) for _ in range(3))
    node = query.parse(f"A {first} {n} or B {second} {n} and A {third} 1")
    test = predicate.build(node, lambda name: lambda row: row["AB".index(name)])
    kept = [row for row in rows if test(row)]
    assert kept == [(a, b) for a, b in rows if ops[first](a, n) or (ops[second](b, n) and ops[third](a, 1))]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("X eq datetime'2024-01-31T10:11:12.345'", datetime(2024, 1, 31, 10, 11, 12, 345000)),
        ("X eq datetime'2024-01-31'", datetime(2024, 1, 31)),
        (
            "X eq guid'ABCDEF01-2345-6789-ABCD-EF0123456789'",
            str(UUID("abcdef01-2345-6789-abcd-ef0123456789")),
        ),
        ("X eq 'it''s'", "it's"),
        ("X eq -5L", -5),
        ("X eq 1.5", 1.5),
        ("X eq 9007199254740993L", 9007199254740993),
        ("X eq null", None),
    ],
)
def test_literals(text: str, value: Any) -> None:
    node = query.parse(text)
    assert isinstance(node, query.Compare)
    assert node.literal.value == value


@pytest.mark.parametrize(
    "text",
    [
        "X", "X eq", "X = 1", "X eq datetime'31-01-2024'", "X eq datetime'2024-01-31T00:00:00Z'", "(X eq 1",
        "X eq 1 and", "X eq guid'12'", "X eq 'open", "X eq datetime'2024-02-30T00:00:00'", "X eq 1 Y eq 2",
    ],
)  # fmt: skip
def test_malformed_filters(text: str) -> None:
    with pytest.raises(query.QueryError):
        query.parse(text)


@pytest.fixture(scope="module")
def exact() -> Iterator[ExactOnline]:
    made = ExactOnline(Clock.manual())
    made.add_division(101, rows=30)
    made.limits(minute=10_000)
    made.switches.error_limit = 10_000
    with made.serve():
        yield made


@pytest.fixture(scope="module")
def client(exact: ExactOnline) -> Client:
    return Client(exact)


SELECT = "Please add a $select or a $top=1 statement to the query string."
FIELDS = "Filtering on these fields is not supported: "


@pytest.mark.parametrize(
    ("path", "given_query", "text"),
    [
        ("sync/CRM/Accounts", {}, SELECT),
        ("bulk/CRM/Accounts", {}, SELECT),
        ("bulk/CRM/Accounts", {"top": "2"}, SELECT),
        ("sync/CRM/Accounts", {"select": "*"}, "$select=* is not supported for this endpoint."),
        ("sync/CRM/Accounts", {"select": "ID", "filter": "Modified ge datetime'2020-01-01T00:00:00'"},
         FIELDS + "Modified"),
        ("bulk/CRM/Addresses", {"select": "ID", "filter": "Modified ge datetime'2020-01-01T00:00:00'"},
         FIELDS + "Modified"),
        ("bulk/CRM/Accounts", {"select": "ID", "filter": " "},
         "This $filter parameter is not supported for this resource"),
        ("crm/Accounts", {"select": "ID", "filter": "BankAccounts/IBAN eq 'x'"}, FIELDS + "BankAccounts/IBAN"),
        ("crm/Accounts", {"select": "ID", "filter": "Modified ge '2020-01-01'"},
         "Operator 'ge' incompatible with operand types 'Edm.DateTime' and 'Edm.String' at position 9."),
        ("bulk/CRM/Accounts", {"select": "ID", "skip": "5"}, "$skip is not supported for this endpoint."),
        ("crm/Accounts", {"select": "ID", "top": "many"}, "Incorrect format for $top argument 'many'."),
    ],
)  # fmt: skip
def test_what_exact_refuses(client: Client, path: str, given_query: dict[str, str], text: str) -> None:
    answer = client.get(f"101/{path}", **given_query)
    assert (answer.status_code, message(answer)) == (400, text)


@pytest.mark.parametrize("wrong", ["Nope", "id", "BankAccounts/IBAN"])
def test_an_unknown_field_is_refused(client: Client, wrong: str) -> None:
    answer = client.get("101/crm/Accounts", select=f"ID,{wrong}")
    assert answer.status_code == 400
    assert f"'{wrong}'" in message(answer)


def test_top_one_needs_no_select(client: Client) -> None:
    answer = client.get("101/sync/CRM/Accounts", top="1").json()["d"]
    assert isinstance(answer, list)
    assert len(answer) == 1
    assert len(answer[0]) > 100


def test_filters_find_what_python_finds(client: Client, exact: ExactOnline) -> None:
    rows = exact.expected(101, "crm_accounts")
    middle = sorted(r["Modified"] for r in rows)[15]
    for text, keep in (
        (f"Modified ge datetime'{middle.isoformat()}'", lambda r: r["Modified"] >= middle),
        (f"ID eq guid'{rows[4]['ID'].upper()}'", lambda r: r["ID"] == rows[4]["ID"]),
        (
            "trim(Code) eq '7' or Code eq '                 8'",
            lambda r: r["Code"].strip() == "7" or r["Code"] == f"{8:>18}",
        ),
        ("substringof('tab', Name) eq true", lambda r: "tab" in (r["Name"] or "")),
        ("Name eq null", lambda r: r["Name"] is None),
        ("Blocked eq true", lambda r: r["Blocked"] is True),
    ):
        got = {r["ID"] for r in client.rows("101/crm/Accounts", select="ID", filter=text)}
        want = {r["ID"] for r in rows if keep(r)}
        assert got == want, text
        assert want, text


def test_mandatory_filter_and_withdrawn_filter(exact: ExactOnline, client: Client) -> None:
    exact.require_filter("bulk_logistics_items", ["Modified", "ID"])
    answer = client.get("101/bulk/Logistics/Items", select="ID")
    assert answer.status_code == 400
    assert message(answer).endswith("with one of the following fields in the url:Modified,ID.")
    fine = "Modified ge datetime'2000-01-01T00:00:00'"
    assert client.get("101/bulk/Logistics/Items", select="ID", filter=fine).status_code == 200
    exact.refuse_filter("bulk_logistics_items", "Modified")
    assert message(client.get("101/bulk/Logistics/Items", select="ID", filter=fine)) == FIELDS + "Modified"


def test_a_refused_field_and_an_added_one(exact: ExactOnline, client: Client) -> None:
    exact.refuse_field("crm_contacts", "Email")
    exact.add_field("crm_contacts", "Mood", "fine")
    assert client.get("101/crm/Contacts", select="ID,Email").status_code == 400
    row = client.get("101/crm/Contacts").json()["d"]["results"][0]
    assert "Email" not in row
    assert row["Mood"] == "fine"
    assert exact.expected(101, "crm_contacts", ["Email"])[0] == {"Email": None}


@pytest.mark.parametrize("wording", UNKNOWN_FIELD)
def test_a_refusal_names_one_field_in_the_words_that_are_switched_on(
    exact: ExactOnline, client: Client, wording: str
) -> None:
    exact.switches.unknown_field = wording
    exact.type_names["crm_contacts"] = "Exact.Web.Api.Models.Email.Name"
    exact.refuse_field("crm_contacts", "Email")
    exact.refuse_field("crm_contacts", "Mobile")
    said = message(client.get("101/crm/Contacts", select="ID,Mobile,Email"))
    assert "Mobile" in said
    assert said == UNKNOWN_FIELD[wording].format(field="Mobile", type="Exact.Web.Api.Models.Email.Name")
    exact.switches.unknown_field = "odata lib"
    exact.allow_field("crm_contacts", "Mobile")
    exact.allow_field("crm_contacts", "Email")
    assert client.get("101/crm/Contacts", select="ID,Mobile,Email").status_code == 200


@pytest.mark.parametrize("compares", ["never", "as_value"])
def test_a_row_without_a_value_in_a_filter(exact: ExactOnline, client: Client, compares: Any) -> None:
    exact.switches.null_compares = compares
    rows = exact.expected(101, "crm_accounts")
    empty = {r["ID"] for r in rows if r["Accountant"] is None}
    everything = {r["ID"] for r in rows}
    assert set() < empty < everything
    nil = "guid'00000000-0000-0000-0000-000000000000'"
    in_net = everything if compares == "as_value" else everything - empty
    for text, want in (
        ("Accountant eq null", empty),
        ("Accountant ne null", everything - empty),
        ("Accountant eq null or Accountant ne null", everything),
        (f"Accountant ne {nil}", in_net),
        (f"not (Accountant eq {nil})", in_net),
        (f"Accountant eq {nil} or Accountant ne {nil}", in_net),
        (f"not (Accountant eq {nil} and ID ne {nil})", in_net),
        (f"ID ne {nil} or Accountant eq {nil}", everything),
    ):
        assert {r["ID"] for r in client.rows("101/crm/Accounts", select="ID", filter=text)} == want, text
    exact.switches.null_literal = False
    assert client.get("101/crm/Accounts", select="ID", filter="Accountant eq null").status_code == 400
    exact.switches.null_literal, exact.switches.null_compares = True, "never"


def test_order_skip_count_and_expand(exact: ExactOnline, client: Client) -> None:
    rows = exact.expected(101, "crm_accounts")
    by_code = client.rows("101/crm/Accounts", select="Code", orderby="Code desc", skip="3")
    assert [r["Code"] for r in by_code] == sorted((r["Code"] for r in rows), reverse=True)[3:]
    page = client.get("101/crm/Accounts", select="ID", inlinecount="allpages").json()["d"]
    assert page["__count"] == "30"
    assert client.get("101/crm/Accounts/$count").text == "30"
    nested = client.get("101/crm/Accounts", select="ID,BankAccounts", top="1").json()["d"][0]
    assert "__deferred" in nested["BankAccounts"]
    nested = client.get(
        "101/crm/Accounts", select="ID,BankAccounts/ID", expand="BankAccounts", top="1"
    ).json()
    assert [set(r) for r in nested["d"][0]["BankAccounts"]["results"]] == [{"ID"}, {"ID"}]


def test_one_row_by_its_key(exact: ExactOnline, client: Client) -> None:
    key = exact.table(101, "crm_accounts").keys()[3]
    found = client.get(f"101/crm/Accounts(guid'{key}')", select="ID").json()["d"]
    assert found["ID"] == key
    absent = "00000000-0000-0000-0000-000000000000"
    assert client.get(f"101/crm/Accounts(guid'{absent}')").status_code == 404


def test_long_urls_are_refused(exact: ExactOnline, client: Client) -> None:
    assert client.get("101/crm/Accounts", select="ID" + ",ID" * 1000).status_code == 200
    assert client.get("101/crm/Accounts", select="ID" + ",ID" * 2000).status_code == 414


def test_sync_timestamp(exact: ExactOnline, client: Client) -> None:
    def ask(moment: datetime, name: str) -> Any:
        url = f"{exact.url}/api/v1/101/read/sync/Sync/SyncTimestamp"
        params = {"modified": f"datetime'{moment.isoformat()}'", "endPoint": f"'{name}'"}
        return client.session.get(url, params=params, timeout=5)

    rows = exact.expected(101, "sync_sales_order_sales_order_lines")
    moment = rows[14]["Modified"] - timedelta(milliseconds=1)
    first = next(r for r in rows if r["Modified"] >= moment)
    found = ask(moment, "SalesOrderLines").json()["d"]["results"][0]
    assert found["TimeStampAsBigInt"] == str(first["Timestamp"])
    assert ask(datetime(2200, 1, 1), "SalesOrderLines").json()["d"]["results"] == []
    assert ask(moment, "Accounts").status_code == 400
    exact.switches.sync_timestamp = "404"
    assert ask(moment, "SalesOrderLines").status_code == 404
    exact.switches.sync_timestamp = "known"

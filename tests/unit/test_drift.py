"""`tap-exactonline drift` through the command line, and the reading of EDMX."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tap_exactonline.commands.drift_report import services
from tap_exactonline.exact.bodies import MalformedPage
from tap_exactonline.exact.errors import StreamError
from tap_exactonline.exact.metadata import parse
from tests.exact_online import ExactOnline, faults
from tests.support.extra_streams import UNLINK
from tests.support.tap_runs import TapRun, TapRunner

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def administration(exact: ExactOnline) -> None:
    exact.add_division(101)


def found(done: TapRun) -> list[dict[str, Any]]:
    """The differences without what is None."""
    told = json.loads(done.out)["differences"]
    return [{name: value for name, value in one.items() if value is not None} for one in told]


def documents(exact: ExactOnline) -> int:
    return sum(call.path.endswith("/$metadata") for call in exact.log)


def test_nothing_has_changed(exact: ExactOnline, runner: TapRunner) -> None:
    done = runner.tap("drift")
    assert done.code == 0, done.err
    count = len(services())
    assert documents(exact) == count
    assert f"{count} calls" in done.err, "what it costs is said"
    assert done.out == f"{count} services compared: all as this version of the tap knows it.\n"
    assert not exact.errors_4xx


def test_the_cost_is_said_before_the_first_document(exact: ExactOnline, runner: TapRunner) -> None:
    exact.limits(day=3)
    done = runner.tap("drift", "--service", "crm")
    assert done.code == 1
    assert "4 calls" in done.err
    assert "Not compared: read/crm: all calls of the day are used. A run after" in done.out
    assert "Not compared: sync/CRM: all calls of the day are used" in done.out
    assert "2 services compared" in done.out
    assert documents(exact) < 4


def test_fields(exact: ExactOnline, runner: TapRunner) -> None:
    exact.refuse_field("crm_accounts", "Name")
    exact.edit_metadata(
        "crm", '<Property Name="AccountManagerHID" Type="Edm.Int32"', '<Property Name="AccountManagerHID" Type="Edm.Int64"'
    )  # fmt: skip
    exact.edit_metadata(
        "bulk/crm", '<Property Name="AccountManagerHID"', '<Property Name="Fresh" Type="Edm.Guid"/><Property Name="AccountManagerHID"'
    )  # fmt: skip

    done = runner.tap("drift", "--service", "CRM", "--format", "json")

    assert done.code == 1, done.err
    where = {"service": "crm", "path": "crm/Accounts", "stream": "crm_accounts"}
    fresh = {"service": "bulk/CRM", "path": "bulk/CRM/Accounts", "stream": "bulk_crm_accounts"}
    assert found(done) == [
        {**fresh, "what": "new field", "name": "Fresh", "now": "guid", "edm": "Edm.Guid"},
        {**where, "what": "field retyped", "name": "AccountManagerHID", "was": "int32", "now": "int64"},
        {**where, "what": "field gone", "name": "Name", "was": "string"},
    ]
    text = runner.tap("drift", "--service", "crm").out
    assert "crm/Accounts (crm_accounts)\n  field retyped: AccountManagerHID (int32 → int64)\n" in text
    assert "  field gone: Name (was string)\n" in text
    assert "3 differences" in text


def test_endpoints(exact: ExactOnline, runner: TapRunner) -> None:
    exact.add_endpoint("vat/VatThings", {"ID": "guid", "Code": "string"}, ["ID"], [])
    exact.edit_metadata("vat", '<EntitySet Name="VATCodes"', '<EntitySet Name="Codes"')

    done = runner.tap("drift", "--service", "vat", "--format", "json")

    assert done.code == 1
    assert [(one["what"], one["path"]) for one in found(done)] == [
        ("endpoint gone", "vat/VATCodes"),
        ("new endpoint", "vat/Codes"),
        ("new endpoint", "vat/VatThings"),
    ]
    things = found(done)[-1]
    assert things["fields"] == {"ID": "Edm.Guid", "Code": "Edm.String", "Division": "Edm.Int32"}
    assert things["key"] == ["ID"]
    text = runner.tap("drift", "--service", "vat").out
    assert "vat/VATCodes (vat_vat_codes)\n  endpoint gone\n" in text
    assert "vat/VatThings\n  new endpoint, 3 fields\n" in text


def test_functions(exact: ExactOnline, runner: TapRunner) -> None:
    exact.edit_metadata(
        "read/financial", '<FunctionImport Name="RevenueListByYear" ', '<FunctionImport Name="RevenueListByDecade" '
    )  # fmt: skip
    exact.edit_metadata("read/financial", '<Parameter Name="ageGroup" Type="Edm.Int32"', '<Parameter Name="group" Type="Edm.Int32"')  # fmt: skip

    done = runner.tap("drift", "--service", "read/financial", "--format", "json")

    told = {(one["what"], one["path"].rpartition("/")[2], one.get("name")) for one in found(done)}
    assert ("endpoint gone", "RevenueListByYear", None) in told
    assert ("new function", "RevenueListByDecade", None) in told
    (decade,) = [one for one in found(done) if one["path"].endswith("RevenueListByDecade")]
    assert set(decade) == {"service", "what", "path"}, "what a function does when it is called is not known"
    text = runner.tap("drift", "--service", "read/financial").out
    apart = text.index("New functions. The tap calls none of them")
    assert text.index("  read/financial/RevenueListByDecade\n") > apart
    assert "extra_streams" not in text, "nothing that is new here can be read"
    assert ("parameter gone", "ReceivablesListByAgeGroup", "ageGroup") in told
    assert ("new parameter", "ReceivablesListByAgeGroup", "group") in told


def test_a_change_that_exact_declares_as_a_function_of_get(exact: ExactOnline, runner: TapRunner) -> None:
    exact.edit_metadata("users", "</EntityContainer>", f"{UNLINK}</EntityContainer>")
    text = runner.tap("drift", "--service", "users").out
    assert "New functions. The tap calls none of them" in text
    assert "users/UnlinkAllRoles" in text.splitlines()[2]
    assert "1 differences." in text
    assert "can be read at once" not in text


def test_a_service_without_document_is_told_and_no_difference(exact: ExactOnline, runner: TapRunner) -> None:
    exact.no_metadata |= {"sync/crm", "read/crm"}
    done = runner.tap("drift", "--service", "crm")
    assert done.code == 0, done.err
    assert "shows no $metadata there: read/crm, sync/CRM" in done.out
    assert "2 services compared" in done.out


def test_nothing_to_compare_is_no_success(exact: ExactOnline, runner: TapRunner) -> None:
    exact.no_metadata.add("vat")
    done = runner.tap("drift", "--service", "vat")
    assert done.code == 1
    assert "Nothing could be compared." in done.out


def test_a_document_with_a_document_type_is_refused(exact: ExactOnline, runner: TapRunner) -> None:
    exact.edit_metadata("vat", "<edmx:Edmx ", '<!DOCTYPE a [<!ENTITY b "c">]><edmx:Edmx ')
    done = runner.tap("drift", "--service", "vat", "--service", "webhooks")
    assert "vat: its $metadata declares a document type" in done.out
    assert "1 service compared" in done.out
    assert documents(exact) == 2, "asking again would not help"


def test_xml_of_another_kind(exact: ExactOnline, runner: TapRunner) -> None:
    exact.faults.add("$metadata", faults.status(200, "<feed><entry/></feed>"), times=None)
    done = runner.tap("drift", "--service", "vat")
    assert done.code == 1
    assert "XML, but no EDMX" in done.out
    assert documents(exact) == 1


def test_a_document_that_breaks_off_is_asked_again(exact: ExactOnline, runner: TapRunner) -> None:
    exact.faults.add("$metadata", faults.status(200, "<edmx:Edmx><a>"), times=1)
    done = runner.tap("drift", "--service", "vat")
    assert done.code == 0, done.out
    assert documents(exact) == 2


def test_a_web_page_is_no_document(exact: ExactOnline, runner: TapRunner) -> None:
    exact.faults.add("$metadata", faults.html(), times=None)
    done = runner.tap("drift", "--service", "vat")
    assert done.code == 1
    assert "Not compared: vat: a web page came instead of data" in done.out


def test_a_service_that_fails_does_not_stop_the_others(exact: ExactOnline, runner: TapRunner) -> None:
    exact.faults.add("$metadata", faults.status(503), times=3)
    done = runner.tap("drift", "--service", "vat", "--service", "webhooks")
    assert done.code == 1
    assert "Not compared: vat: Exact Online answers with HTTP 503" in done.out
    assert "1 service compared: all as" in done.out


def test_an_unknown_service(runner: TapRunner) -> None:
    done = runner.tap("drift", "--service", "nonsense")
    assert done.code == 1
    assert len(done.errors) == 1
    assert "'nonsense' is unknown. Use one of accountancy, " in done.errors[0]


def test_no_login(exact: ExactOnline, runner: TapRunner) -> None:
    for name in ("refresh_token", "token_store"):
        runner.config.pop(name)
    done = runner.tap(
        "drift", "--service", "vat", env={"HOME": str(runner.folder), "XDG_STATE_HOME": str(runner.folder)}
    )
    assert done.code == 1
    assert len(done.errors) == 1
    assert "tap-exactonline login" in done.errors[0]


# -- EDMX

EDMX = """<?xml version="1.0"?><edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx">
<edmx:DataServices><Schema Namespace="A" xmlns="http://schemas.microsoft.com/ado/2006/04/edm">
<EntityType Name="Base"><Key><PropertyRef Name="ID"/></Key><Property Name="ID" Type="Edm.Guid"/></EntityType>
<EntityType Name="Thing" BaseType="A.Base"><Property Name="Size" Type="Edm.Double"/><Property Name="Where" Type="A.Place"/>
<NavigationProperty Name="Parts" Relationship="A.R" FromRole="T" ToRole="P"/></EntityType>
<ComplexType Name="Place"><Property Name="Street" Type="Edm.String"/></ComplexType></Schema>
<Schema Namespace="B" xmlns="http://schemas.microsoft.com/ado/2009/11/edm"><EntityContainer Name="C">
<EntitySet Name="Things" EntityType="A.Thing"/><EntitySet Name="Ghosts" EntityType="A.Ghost"/>
<FunctionImport Name="Count" ReturnType="Edm.Int32"><Parameter Name="of" Type="Edm.Guid"/></FunctionImport>
<FunctionImport Name="ThingsOf" ReturnType="Collection(A.Thing)" EntitySet="Things"/>
</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"""


def test_edmx_of_several_schemas_and_inherited_fields() -> None:
    service = parse(EDMX.encode())
    things = service.find("things")
    assert things is not None
    assert things.fields == {
        "ID": "Edm.Guid", "Size": "Edm.Double", "Where": "A.Place", "Parts": "Collection(P)",
    }  # fmt: skip
    assert things.key == ("ID",)
    assert service.find("ThingsOf") == things
    assert service.functions["Count"] == {"of": "Edm.Guid"}
    assert service.results["Count"].fields == {"Count": "Edm.Int32"}
    assert service.sets["Ghosts"].fields == {}
    assert service.find("Nothing") is None


def test_types_that_inherit_from_each_other_come_to_an_end() -> None:
    service = parse(
        EDMX.replace('<EntityType Name="Base">', '<EntityType Name="Base" BaseType="A.Thing">').encode()
    )
    assert set(service.sets["Things"].fields) == {"ID", "Size", "Where", "Parts"}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (EDMX[:400], MalformedPage),
        ("", MalformedPage),
        ("<a/>", StreamError),
        (f"<!DOCTYPE x>{EDMX[21:]}", StreamError),
        ("<Edmx>" + "<a>" * 1000, StreamError),
    ],
)
def test_what_is_no_edmx(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse(text.encode())


def test_entities_are_never_expanded() -> None:
    laughs = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + EDMX[21:].replace(
        '"Thing"', '"&b;"'
    )
    with pytest.raises(StreamError, match="document type"):
        parse(laughs.encode())

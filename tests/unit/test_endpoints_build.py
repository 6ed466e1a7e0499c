"""The data files in the package are what the build makes of the catalogue, and `$metadata` can extend the catalogue."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from scripts import merge_drift
from scripts.build_endpoints import FOLDER, built
from scripts.catalogue import FOLDER as CATALOGUE
from scripts.catalogue import Field, Resource, read, rendered
from tap_exactonline.endpoints import by_name
from tests.exact_online import ExactOnline
from tests.support.tap_runs import TapRunner


@pytest.fixture(scope="module")
def catalogue() -> list[Resource]:
    return read()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CATALOGUE, tmp_path / "catalogue"))


def entry(resources: list[Resource], name: str) -> dict[str, Any]:
    """What is built of one stream."""
    entries = json.loads(built(resources)["endpoints.json"])["endpoints"]
    return next(one for one in entries if one["name"] == name)


@pytest.mark.parametrize("name", ["endpoints.json", "functions.json"])
def test_the_data_files_are_what_the_build_makes(catalogue: list[Resource], name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == built(catalogue)[name], "run `make endpoints`"


@pytest.mark.slow
def test_the_catalogue_has_one_spelling(catalogue: list[Resource]) -> None:
    files = {file.name: file.read_text(encoding="utf-8") for file in CATALOGUE.glob("*.json")}
    assert files == rendered(catalogue)
    assert len({resource.id for resource in catalogue}) == len(catalogue)


def test_a_field_of_the_catalogue_becomes_a_column(catalogue: list[Resource]) -> None:
    wider = [
        replace(one, fields=(*one.fields, Field(name="AmountVATDC", type="Edm.Double")))
        if one.id == "VAT/VATCodes"
        else one
        for one in catalogue
    ]
    assert entry(wider, "vat_vat_codes")["fields"][-1] == ["AmountVATDC", "amount_vat_dc", "double"]


def test_a_wrong_member_is_refused_and_the_file_named(copy: Path) -> None:
    file = copy / "vat.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"type":', '"tpye":', 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"vat\.json.*tpye"):
        read(copy)


def test_fields_seen_in_live_answers_are_columns_and_attachment_is_none() -> None:
    assert by_name("salesentry_sales_entries").field("InvoiceStatusInformation").type == "string"
    assert by_name("cashflow_payments").field("PaymentDateProposal").type == "datetime"
    for stream in ("documents_document_attachments", "bulk_documents_document_attachments"):
        assert "Attachment" not in {field.name for field in by_name(stream).fields}
        assert by_name(stream).write_only == ("Attachment",)


@pytest.mark.process
def test_what_drift_finds_goes_into_the_catalogue(
    exact: ExactOnline, runner: TapRunner, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exact.add_division(101)
    exact.add_endpoint(
        "vat/VatThings", {"ID": "guid", "Modified": "datetime", "Rows": "collection"}, ["ID"], []
    )
    exact.edit_metadata(
        "vat", '<Property Name="Percentage"', '<Property Name="Fresh" Type="Edm.Int64"/><Property Name="Percentage"'
    )  # fmt: skip
    exact.edit_metadata("vat", '<Property Name="CalculationBasis" Type="Edm.Byte"', '<Property Name="CalculationBasis" Type="Edm.Int32"')  # fmt: skip
    drift = copy.parent / "drift.json"
    drift.write_text(runner.tap("drift", "--service", "vat", "--format", "json").out, encoding="utf-8")

    for _ in range(2):  # merging again changes nothing
        merge_drift.main([str(drift), "--month", "2026-11", "--catalogue", str(copy)])
        merged = read(copy)

    field = next(one for one in merged if one.id == "VAT/VATCodes").fields[-1]
    assert field == Field(name="Fresh", type="Edm.Int64", added="2026-11", type_source="$metadata")
    assert ["Fresh", "fresh", "int64"] in entry(merged, "vat_vat_codes")["fields"]
    things = entry(merged, "vat_vat_things")
    assert (things["doc"], things["kind"], things["key"], things["bookmark"]) == (
        "VATVatThings", "single", ["ID"], "Modified",
    )  # fmt: skip
    said = capsys.readouterr().out
    assert "vat/VATCodes: field retyped CalculationBasis: not merged" in said
    assert "vat/VatThings: added; look up scope, key and page" in said
    assert rendered(merged) == {file.name: file.read_text(encoding="utf-8") for file in copy.glob("*.json")}

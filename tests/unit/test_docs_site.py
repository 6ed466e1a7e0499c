"""The site builds without a warning, every page is reached, and nothing is fetched from anybody."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.build_docs import CONFIG, DOCS, README, ROOT, build, plan_table
from scripts.build_docs_streams import bulk_twins, group, page
from scripts.stream_notes import NOTES
from tap_exactonline.endpoints import by_name, load

_FETCHED = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=["']((?:https?:)?//[^"']+)""")
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def nav() -> list[str]:
    """The pages in the menu."""

    def walk(entry: Any) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        entries = entry.values() if isinstance(entry, dict) else entry
        return [path for inner in entries for path in walk(inner)]

    return walk(yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["nav"])


@pytest.mark.process
def test_the_site_builds_strictly_and_stands_alone(tmp_path: Path) -> None:
    done = build(tmp_path)
    assert done.returncode == 0, re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)[-5000:]
    site = tmp_path / "site"

    # A menu entry without a page builds all the same, under the name "none".
    assert [path for path in nav() if not (tmp_path / "build/docs" / path).exists()] == []

    reference = {path.parent.name for path in site.glob("reference/*/index.html")}
    assert reference == {endpoint.name for endpoint in load()}

    shown = [
        *site.glob("*.html"),
        *site.glob("*/index.html"),
        site / "reference/sync_crm_accounts/index.html",
    ]
    # The canonical address is the site's own.
    own = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["site_url"]
    fetched = {
        (path.name, address)
        for path in shown
        for address in _FETCHED.findall(path.read_text(encoding="utf-8"))
        if not address.startswith(own)
    }
    assert fetched == set()

    searched = json.loads((site / "search.json").read_text(encoding="utf-8"))
    assert "sync_crm_accounts" in json.dumps(searched)


def test_every_page_is_in_the_menu() -> None:
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert pages <= set(nav())
    assert len(nav()) == len(set(nav()))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "plugins/hub/README.md"])
def test_links_between_files_of_the_repository_lead_somewhere(name: str) -> None:
    file = ROOT / name
    links = [link for link in _LINK.findall(file.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (file.parent / link).exists()] == []
    assert links or file != README


def test_a_stream_is_described_by_its_data() -> None:
    text = page(by_name("sync_sales_order_goods_deliveries"))
    assert "| Key | `division`, `entry_id` |" in text
    assert "sync/SalesOrder/GoodsDeliveries" in text
    assert "name=SyncSalesOrderGoodsDeliveries" in text
    assert "entity_type` 16" in text
    single = page(by_name("crm_accounts"))
    assert "60 rows a call" in single
    assert "meltano select tap-exactonline crm_accounts" in single
    assert "(sync_crm_accounts.md)" in single


def test_a_single_stream_names_its_bulk_twin() -> None:
    twins = {line.split("](")[0].removeprefix("| [") for line in bulk_twins().splitlines()[2:]}
    # One bulk stream has no twin: ProjectWBS can be read one by one through a function only.
    assert len(twins) == sum(endpoint.kind == "bulk" for endpoint in load()) - 1
    invoices = page(by_name("salesinvoice_sales_invoices"))
    assert (
        "**[bulk_sales_invoice_sales_invoices](bulk_sales_invoice_sales_invoices.md) brings the same"
        in invoices
    )
    assert "It lacks `invoice_status_information`." in invoices
    assert "It has no bookmark" in page(by_name("crm_addresses"))
    assert "brings the same" not in page(by_name("sync_crm_accounts"))


def test_the_group_lists_all_its_streams() -> None:
    assert {line.split("](")[0].removeprefix("| [") for line in group("hr_payroll").splitlines()[2:]} == {
        endpoint.name for endpoint in load() if endpoint.group == "hr_payroll"
    }
    assert "read only if you select it" in page(by_name("sync_payroll_employees"))


def test_pages_tell_of_totals_closings_and_stale_names() -> None:
    assert set(NOTES) <= {endpoint.name for endpoint in load()}
    invoices = page(by_name("sync_sales_invoice_sales_invoices"))
    assert "`line_number NOT IN (0, 9999)`" in invoices
    assert "are as of this row's last change" in invoices
    assert "310 (a period)" in page(by_name("sync_financial_transaction_lines"))
    assert "as of this row's last change" not in page(by_name("crm_accounts"))


def test_the_plan_counts_calls() -> None:
    chosen = sum(endpoint.selected for endpoint in load())
    (row,) = [line for line in plan_table().splitlines() if line.startswith("| 100 ")]
    assert f"{100 * chosen + 2:,} calls" in row

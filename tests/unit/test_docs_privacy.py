"""What docs/privacy.md promises: its stream maps run as they stand there, and the flags of the catalogue are complete."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
import yaml

from scripts import personal
from scripts.build_docs import DOCS
from scripts.build_docs_streams import page
from scripts.catalogue import read
from tap_exactonline.endpoints import by_name, load
from tests.exact_online import ExactOnline
from tests.support.tap_runs import TapRunner

PAGE = (DOCS / "privacy.md").read_text(encoding="utf-8")
CONTACTS, ACCOUNTS = "sync_crm_contacts", "sync_crm_accounts"
# Fields of which the name says that they tell something of a person.
PERSONAL = re.compile(
    r"\w*FullName|(First|Last|Middle|Birth|Nick)Name|Birth(Date|Place)|BSN|SocialSecurityNumber|Gender|Nationality|Initials",
    re.IGNORECASE,
)


def block(language: str, words: str) -> str:
    (found,) = [
        text
        for text in re.findall(rf"^```{language}[^\n]*\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
        if words in text
    ]
    return str(found)


@pytest.mark.process
def test_the_stream_maps_leave_out_hash_and_filter(exact: ExactOnline, runner: TapRunner) -> None:
    exact.add_division(101)
    for number in range(4):
        exact.table(101, CONTACTS).insert(
            Email=f"Someone{number}@example.org" if number < 3 else None,
            FirstName="Saskia",
            BirthPlace="Amersfoort",
            SocialSecurityNumber="123456782",
            IsMainContact=number != 1,
        )
    exact.table(101, ACCOUNTS).insert(
        BSN="123456782", Phone="0201234567", Email="boss@example.org", Name="Bakker"
    )
    runner.config |= yaml.safe_load(block("yaml", "stream_maps"))["config"]
    ((_, value),) = re.findall(r"^(TAP_\w+)='(.*)'$", block("sh", "STREAM_MAP_CONFIG"), re.MULTILINE)
    runner.config["stream_map_config"] = json.loads(value)

    done = runner.sync(CONTACTS, ACCOUNTS)

    assert done.code == 0, done.err
    rows = done.records(CONTACTS)
    assert [row["is_main_contact"] for row in rows] == [True] * 3
    seed = runner.config["stream_map_config"]["hash_seed"]
    hashes = {hashlib.sha256(f"{seed}someone{n}@example.org".encode()).hexdigest() for n in (0, 2)}
    assert {row["email"] for row in rows} == {*hashes, None}
    assert {row["first_name"] for row in rows} == {"S"}
    for secret in ("Amersfoort", "123456782", "0201234567", "example.org", "Saskia"):
        assert secret not in done.out
    (account,) = done.records(ACCOUNTS)
    assert account["name"] == "Bakker"
    schemas = {m["stream"]: m["schema"]["properties"] for m in done.messages if m["type"] == "SCHEMA"}
    assert not schemas[CONTACTS].keys() & {"birth_date", "birth_place", "social_security_number"}
    assert not schemas[ACCOUNTS].keys() & {"bsn", "phone", "email"}


def test_what_the_page_names_exists() -> None:
    maps: dict[str, dict[str, Any]] = yaml.safe_load(block("yaml", "stream_maps"))["config"]["stream_maps"]
    named = [
        (name, column) for name, rules in maps.items() for column in rules if not column.startswith("__")
    ]
    excluded = re.findall(r"--exclude (\S+) (\S+)$", block("sh", "--exclude"), re.MULTILINE)
    named += [(name.strip("'"), column.strip("'")) for name, column in excluded]
    for name, column in named:
        endpoints = load() if name == "*" else [by_name(name)]
        assert column == "*" or any(column in {field.column for field in one.fields} for one in endpoints), (
            column
        )
    known = {one.scope for one in load()}
    for scope in re.findall(r"`(Hrm \w+|Crm \w+|Projects \w+)`", PAGE):
        assert scope in known


def test_no_personal_field_lacks_its_flag() -> None:
    plain = {
        f"{one.id}.{field.name}"
        for one in read()
        for field in one.fields
        if PERSONAL.fullmatch(field.name) and field.personal is None
    }
    assert plain == set()


def test_employees_and_contacts_are_about_persons() -> None:
    about = {one.name for one in load() if personal.resource(one).about_person}
    assert {
        CONTACTS,
        "sync_payroll_employees",
        "sync_hrm_absence_registrations",
        "system_me",
    } <= about
    assert "sync_financial_gl_accounts" not in about
    for one in load():
        # Whoever reads a stream of HR about employees is told.
        if one.group and {"employee_full_name", "employee_hid"} & {field.column for field in one.fields}:
            assert one.name in about


def test_each_page_shows_it() -> None:
    contacts, accounts, journals = (
        page(by_name(name)) for name in (CONTACTS, ACCOUNTS, "sync_financial_gl_accounts")
    )
    assert "| [Personal data](../privacy.md) | **each row is about a person** |" in contacts
    assert re.search(r"^\| `first_name` .*\| personal \|$", contacts, re.MULTILINE)
    assert re.search(r"^\| `bsn` .*\| personal \|$", accounts, re.MULTILINE)
    assert re.search(r"^\| `name` .*\| personal if a person stands behind it \|$", accounts, re.MULTILINE)
    assert "| [Personal data](../privacy.md) | `creator_full_name`, `modifier_full_name` |" in journals
    assert all("Personal data" in page(one) for one in load())


def test_the_tables_name_streams_of_both_kinds() -> None:
    assert "<!-- about persons -->" in PAGE
    assert "<!-- personal columns -->" in PAGE
    assert f"[{CONTACTS}]({CONTACTS}.md) | ● |" in personal.about_persons()
    assert "| `creator_full_name` | personal |" in personal.often()

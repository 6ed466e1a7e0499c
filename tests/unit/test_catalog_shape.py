"""What is wrong with a catalog is one line; and what a catalog may not decide, it does not."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_exactonline.catalog import CatalogError, check_shape, selected_only, with_keys
from tap_exactonline.tap import TapExactOnline
from tests.exact_online import ExactOnline
from tests.support.in_process import Sink, catalog
from tests.support.slow_target import write_command
from tests.support.tap_runs import TapRun

STREAM = "sync_financial_gl_accounts"
FULL = "financial_journals"


@pytest.fixture
def exact() -> Iterator[ExactOnline]:
    stand_in = ExactOnline(seed=9)
    stand_in.limits(minute=10**6, day=10**7)
    stand_in.add_division(101, rows={STREAM: 5, FULL: 3})
    with stand_in.serve():
        yield stand_in


def entry(made: dict[str, Any], name: str = STREAM) -> dict[str, Any]:
    return next(one for one in made["streams"] if one["tap_stream_id"] == name)


def root(made: dict[str, Any], name: str = STREAM) -> dict[str, Any]:
    return next(one["metadata"] for one in entry(made, name)["metadata"] if not one["breadcrumb"])


Change = Callable[[dict[str, Any]], object]
SHAPES: list[tuple[Change, str]] = [
    (lambda made: made.pop("streams"), "it has no list 'streams'"),
    (lambda made: made["streams"].append(7), "stream number 2: expected `object`, got `int`"),
    (lambda made: entry(made).pop("tap_stream_id"), "stream number 1: "),
    (lambda made: entry(made).update(tap_stream_id=""), "stream number 1: tap_stream_id"),
    (lambda made: made["streams"].append(entry(made)), "is there twice"),
    (lambda made: entry(made).update(stream="accounts"), "another name in 'stream'"),
    (lambda made: entry(made).update(key_properties=5), "key_properties: expected `array | null`, got `int`"),
    (lambda made: entry(made).update(metadata={}), "metadata: expected `array`"),
    (lambda made: entry(made)["metadata"][3].pop("breadcrumb"), "missing required field `breadcrumb`"),
    (lambda made: entry(made)["metadata"][3].update(breadcrumb="id"), "breadcrumb: expected `array`"),
    (lambda made: root(made).update(selected="yes"), "metadata.selected: expected `bool | null`, got `str`"),
    (lambda made: root(made).update(inclusion="always"), "metadata.inclusion"),
    (lambda made: entry(made)["schema"].update(properties=[]), "schema.properties"),
    (lambda made: entry(made)["schema"]["properties"]["id"].update(type="text"), "invalid enum value 'text'"),
    (lambda made: entry(made).update({"half\ud800": 1}), "half a character"),
    (lambda made: entry(made)["schema"].update(title="half\ud800"), "half a character"),
]


@pytest.mark.parametrize(("change", "says"), SHAPES, ids=[says for _, says in SHAPES])
def test_a_wrong_shape_is_named_by_its_place(change: Change, says: str) -> None:
    made = copy.deepcopy(catalog([STREAM]))
    change(made)
    with pytest.raises(CatalogError) as caught:
        check_shape(made)
    text = str(caught.value)
    assert says in text
    assert "--discover" in text or "stream_maps" in text
    assert "\n" not in text


def run(exact: ExactOnline, folder: Path, change: Change, **settings: Any) -> TapRun:
    command = write_command(exact, folder, [STREAM, FULL], **settings)
    made = json.loads((folder / "catalog.json").read_text())
    change(made)
    (folder / "catalog.json").write_text(json.dumps(made))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return TapRun(done.returncode, done.stdout, done.stderr)


@pytest.mark.process
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (SHAPES[10][0], "selected"),
        (lambda made: entry(made)["schema"]["properties"].pop("code"), "the column 'code' has no type"),
        (lambda made: entry(made).update(key_properties=["nothing"]), "'nothing' is part of the key"),
        (lambda made: entry(made).update(tap_stream_id="x", stream="x"), "stream 'x' is unknown"),
    ],
)
def test_a_catalog_that_does_not_fit_is_one_line(
    exact: ExactOnline, tmp_path: Path, change: Change, says: str
) -> None:
    done = run(exact, tmp_path, change)
    assert done.code == 1
    (line,) = done.errors
    assert says in line
    assert "Traceback" not in done.err
    assert not done.messages


@pytest.mark.process
def test_the_key_is_found_in_the_metadata_too(exact: ExactOnline, tmp_path: Path) -> None:
    done = run(exact, tmp_path, lambda made: entry(made).pop("key_properties"))
    assert done.code == 0, done.err
    (schema,) = [m for m in done.messages if m["type"] == "SCHEMA" and m["stream"] == STREAM]
    assert schema["key_properties"] == ["division", "id"]


def test_a_catalog_without_any_key_is_refused_and_an_empty_one_means_to_append() -> None:
    made = copy.deepcopy(catalog([STREAM]))
    entry(made).pop("key_properties")
    root(made).pop("table-key-properties")
    with pytest.raises(CatalogError, match="has no 'key_properties'"):
        with_keys(selected_only(made))
    entry(made)["key_properties"] = []
    assert with_keys(made)["streams"][0]["key_properties"] == []


def test_a_catalog_without_a_replication_key_makes_no_full_table(exact: ExactOnline, tmp_path: Path) -> None:
    """Else a table that is read by what changed would lose, with versions on, all that did not change."""

    def without_bookmark(made: dict[str, Any]) -> dict[str, Any]:
        entry(made).pop("replication_key")
        root(made).pop("replication-key")
        return made

    sinks = [Sink(), Sink()]
    state = None
    for sink in sinks:
        tap = TapExactOnline(
            config={
                "api_url": exact.url,
                "access_token": exact.issue_access_token(),
                "token_store": str(tmp_path / "tokens.json"),
                "emit_activate_version_messages": True,
            },
            catalog=without_bookmark(copy.deepcopy(catalog([STREAM]))),
            state=state,
            message_writer=sink,
        )
        tap.sync_all()
        messages = [json.loads(line) for line in sink.lines]
        state = messages[-1]["value"]
    activated = [m for m in messages if m["type"] == "ACTIVATE_VERSION"]
    records = [m for m in messages if m["type"] == "RECORD"]
    assert not records, "nothing has changed"
    assert not activated, "so nothing is gone"


@pytest.mark.parametrize("where", ["entry", "replication-method", "forced-replication-method"])
def test_a_wish_for_a_full_table_is_told(
    tmp_path: Path, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = "bulk_documents_document_attachments"
    made = catalog([STREAM, whole])
    for name in (STREAM, whole):
        if where == "entry":
            entry(made, name)["replication_method"] = "FULL_TABLE"
        else:
            root(made, name)[where] = "FULL_TABLE"
    TapExactOnline(config={"token_store": str(tmp_path / "tokens.json")}, catalog=made)
    (said,) = [line for line in caplog.messages if "FULL_TABLE" in line]
    assert STREAM in said, "the other one is a full table"

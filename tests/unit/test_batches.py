"""BATCH messages: the same records as without, in files that are complete when the target hears of them."""

from __future__ import annotations

import errno
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tap_exactonline.config.sdk_settings import batch_config as from_settings
from tap_exactonline.stdout import OutputError
from tap_exactonline.sync.batches import Batches
from tap_exactonline.sync.output import LineWriter
from tests.exact_online import ExactOnline
from tests.support.tap_runs import TapRun, TapRunner

pytestmark = pytest.mark.process

ACCOUNTS, JOURNALS = "sync_crm_accounts", "financial_journals"


@pytest.fixture(autouse=True)
def administrations(exact: ExactOnline) -> None:
    exact.add_division(101, rows={ACCOUNTS: 2300, JOURNALS: 70})
    exact.add_division(102, rows={ACCOUNTS: 5})


def batch_config(folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": f"file://{folder}", "prefix": "exact-"},
        **more,
    }


def read_files(done: TapRun, stream: str) -> list[list[dict[str, Any]]]:
    """The records of a stream, by file."""
    found = []
    for message in done.messages:
        if message["type"] == "BATCH" and message["stream"] == stream:
            (address,) = message["manifest"]
            body = Path(urlsplit(address).path).read_bytes()
            text = gzip.decompress(body) if message["encoding"]["compression"] == "gzip" else body
            found.append([json.loads(line) for line in text.decode().split("\n") if line])
    return found


def reached(done: TapRun) -> dict[int, int]:
    """Division → its bookmark of the accounts."""
    partitions = (done.state or {})["bookmarks"][ACCOUNTS]["partitions"]
    return {one["context"]["division"]: one["replication_key_value"] for one in partitions}


def by_key(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(records, key=lambda row: (row["division"], row["id"]))


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_the_files_hold_what_the_messages_would(runner: TapRunner, tmp_path: Path, compression: str) -> None:
    plain = runner.sync(ACCOUNTS, JOURNALS)
    files = tmp_path / "files"
    encoding = {"format": "jsonl", "compression": compression}
    runner.config["batch_config"] = batch_config(files, encoding=encoding, batch_size=1000)

    done = runner.sync(ACCOUNTS, JOURNALS)

    assert done.code == 0, done.err
    assert {m["type"] for m in done.messages} == {"SCHEMA", "BATCH", "STATE"}
    for stream in (ACCOUNTS, JOURNALS):
        records = [record for file in read_files(done, stream) for record in file]
        assert by_key(records) == by_key(plain.records(stream))
    assert len(read_files(done, ACCOUNTS)) == 3, "1,000 a file and the rest"
    assert len(list(files.iterdir())) == 4
    assert all(file.name.startswith("exact-tap-exactonline--") for file in files.iterdir())
    # The SCHEMA comes before, the STATE after all files, and it is the one of the run with messages.
    kinds = [m["type"] for m in done.messages]
    assert kinds.index("BATCH") > max(i for i, kind in enumerate(kinds) if kind == "SCHEMA")
    assert kinds.index("STATE") > max(i for i, kind in enumerate(kinds) if kind == "BATCH")
    assert reached(done) == reached(plain) != {}


def test_the_next_run_goes_on_from_there(exact: ExactOnline, runner: TapRunner, tmp_path: Path) -> None:
    runner.config["batch_config"] = batch_config(tmp_path / "files")
    first = runner.sync(ACCOUNTS)
    new = exact.table(102, ACCOUNTS).insert(Name="new")
    second = runner.sync(ACCOUNTS, state=first.state)
    (rows,) = read_files(second, ACCOUNTS)
    assert [row["name"] for row in rows if row["division"] == 102] == ["new"], new


def test_a_folder_that_can_not_be_written_is_one_line_and_moves_no_bookmark(
    runner: TapRunner, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    runner.config["batch_config"] = batch_config(tmp_path / "file/below", batch_size=1000)
    done = runner.sync(ACCOUNTS, "run_log")
    assert done.code != 0
    assert "batch_config" in done.err
    assert "Traceback" not in done.err
    assert [m["type"] for m in done.messages] == ["STATE", "SCHEMA"], "of the beginning"
    assert reached(done) == {}


@pytest.mark.parametrize("where", ["no room for another file", "no room in it"])
def test_a_temporary_directory_that_is_full_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any, /) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def begin() -> Full:
        full = Full()
        if where == "no room for another file":
            full.write(b"")
        return full

    monkeypatch.setattr(tempfile, "TemporaryFile", begin)
    config = from_settings({"batch_config": batch_config(tmp_path, encoding={"format": "jsonl"})})
    assert config is not None
    with pytest.raises(OutputError, match="No space left"), Batches(config, LineWriter()) as batches:
        batches.add(ACCOUNTS, b"{}\n", 1, None)


def test_rows_of_files_carry_their_version(runner: TapRunner, tmp_path: Path) -> None:
    runner.config |= {
        "batch_config": batch_config(tmp_path / "files"),
        "emit_activate_version_messages": True,
    }
    done = runner.sync(JOURNALS)
    (rows,) = read_files(done, JOURNALS)
    (activated,) = [m["version"] for m in done.messages if m["type"] == "ACTIVATE_VERSION"]
    assert {row["_sdc_table_version"] for row in rows} == {activated}
    kinds = [m["type"] for m in done.messages]
    assert kinds.index("BATCH") < kinds.index("ACTIVATE_VERSION")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("x", "batch_config"),
        ({"encoding": {"format": "jsonl"}}, "batch_config"),
        ({"encoding": {"format": "parquet"}, "storage": {"root": "file:///x"}}, "batch_config.encoding"),
        ({"encoding": {"format": "jsonl"}, "storage": {"root": "x"}}, "batch_config.storage.root"),
        ({"encoding": {"format": "jsonl"}, "storage": {"root": "file:///x"}, "batch_size": 0}, "batch_size"),
    ],
)
def test_what_can_not_be_honoured_is_told_before_anything_is_asked(
    exact: ExactOnline, runner: TapRunner, setting: Any, said: str
) -> None:
    runner.config["batch_config"] = setting
    done = runner.run([ACCOUNTS])
    assert done.code == 1
    (line,) = done.errors
    assert said in line
    assert not exact.calls()


def test_with_stream_maps_it_has_no_effect_and_that_is_said(runner: TapRunner, tmp_path: Path) -> None:
    runner.config |= {
        "batch_config": batch_config(tmp_path / "files"),
        "stream_maps": {JOURNALS: {"code": "code"}},
    }
    done = runner.sync(JOURNALS)
    assert done.code == 0, done.err
    assert len(done.records(JOURNALS)) == 70
    assert "'batch_config' has no effect together with stream maps" in done.err

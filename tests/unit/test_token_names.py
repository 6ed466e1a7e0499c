"""Tokens' views, fingerprints and login ids, and the places where a store may be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_exactonline.exact.auth.store import default_path, login_id, open_store
from tap_exactonline.exact.auth.tokens import Tokens, clean_token, fingerprint
from tap_exactonline.exact.errors import SettingsError
from tests.support.token_stores import API, CLIENT, opened


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1), st.floats(0, 2e9), st.integers(0, 9))
def test_no_view_of_tokens_shows_them(access: str, refresh: str, when: float, version: int) -> None:
    tokens = Tokens(
        access_token=f"<{access}>", refresh_token=f"<{refresh}>", obtained_at=when, version=version
    )
    shown = f"{tokens!r} {tokens} {list(tokens.__rich_repr__())}"
    assert f"<{access}>" not in shown
    assert f"<{refresh}>" not in shown


def test_login_id_tells_apps_and_countries_apart_and_nothing_else() -> None:
    same = {
        login_id(CLIENT, API),
        login_id(CLIENT.strip("{}").lower(), "https://START.exactonline.nl:443/"),
        login_id(f" {CLIENT} ", "start.exactonline.nl"),
    }
    assert len(same) == 1
    assert login_id(CLIENT, "https://start.exactonline.be") not in same
    assert login_id("another", API) not in same
    assert login_id(CLIENT, "http://127.0.0.1:8000") != login_id(CLIENT, "http://127.0.0.1:8001")
    assert CLIENT.strip("{}").lower() not in same.pop()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(None, None), ("", None), ("  \n", None), ("'a!b'", "a!b"), ("a%21b%2B", "a!b+"), ("a!b%", "a!b%")],
)
def test_clean_token(given: str | None, wanted: str | None) -> None:
    assert clean_token(given) == wanted


def test_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MELTANO_SYS_DIR_ROOT", str(tmp_path / ".meltano"))
    meltano = default_path(CLIENT, API)
    assert meltano.parent == tmp_path / ".meltano" / "tap-exactonline"
    assert str(meltano) in open_store(None, client_id=CLIENT, api_url=API).describe()
    monkeypatch.delenv("MELTANO_SYS_DIR_ROOT")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert default_path(CLIENT, API).parent == tmp_path / "state" / "tap-exactonline"
    assert default_path(CLIENT, API).name == meltano.name
    assert default_path(CLIENT, "http://127.0.0.1:99").name != meltano.name
    assert not (tmp_path / "state").exists()


def test_location_may_be_a_folder_a_home_path_or_a_file_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = default_path(CLIENT, API).name
    monkeypatch.setenv("HOME", str(tmp_path))
    assert opened(tmp_path).describe() == f"file {tmp_path / name}"
    assert opened(f"{tmp_path}/new/").describe() == f"file {tmp_path / 'new' / name}"
    assert opened("~/t.json").describe() == f"file {tmp_path / 't.json'}"
    assert opened(f"file://{tmp_path}/a%20b").describe() == f"file {tmp_path / 'a b'}"
    with pytest.raises(SettingsError, match="host"):
        opened("file://server/share")


def test_fingerprint_reveals_nothing_and_tells_apart() -> None:
    assert fingerprint(None) == fingerprint("") == ""
    assert fingerprint("a") != fingerprint("b")
    assert len(fingerprint("secret" * 100)) == 16

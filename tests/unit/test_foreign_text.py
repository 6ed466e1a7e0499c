"""Texts that others wrote, in log lines: no secret, no forged line, nothing that a terminal obeys."""

from __future__ import annotations

import base64
import html
import json
import textwrap
import unicodedata
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_exactonline.exact.foreign_text import PIECE, clean_text

TOKEN = "stampNL001.gAAAA!Zq8/x7Kw+Lr=3_mE-9vTb2~hY5sJ4"
SECRET = "FlYq6wNvq8dz"
CONTROLS = "\r\n\t\x00\x07\x1b\x7f\x85\x9b\u061c\u200b\u200e\u2028\u2029\u202e\u2066\u2069\ufeff\ud800\ue000"


@pytest.mark.parametrize(
    ("name", "form"),
    {
        "as it is": TOKEN,
        "in a header": f"Authorization: Bearer {TOKEN}",
        "URL-encoded": quote(TOKEN, safe=""),
        "URL-encoded in lower case": quote(TOKEN, safe="").lower(),
        "form-encoded": quote_plus(f"access_token={TOKEN}"),
        "in JSON": json.dumps({"token": TOKEN}),
        "in HTML": html.escape(f'<a href="?t={TOKEN}">'),
        "URL-encoded twice": quote(quote(TOKEN, safe=""), safe=""),
        "URL-encoded letter by letter": "".join(f"%{ord(letter):02x}" for letter in TOKEN),
        "in JSON as .NET writes it": "".join(
            letter if letter.isalnum() else f"\\u{ord(letter):04X}" for letter in TOKEN
        ),
        "in JSON letter by letter": "".join(f"\\u{ord(letter):04x}" for letter in TOKEN),
        "in JSON in JSON": json.dumps(json.dumps(TOKEN.replace("/", "\\/"))),
        "in HTML by numbers": "".join(
            letter if letter.isalnum() else f"&#{ord(letter)};" for letter in TOKEN
        ),
        "in HTML in hexadecimals": "".join(f"&#x{ord(letter):X};" for letter in TOKEN),
        "wrapped in HTML": "<br />".join(textwrap.wrap(TOKEN, 6)),
        "as parts of a program's text": "' + '".join(textwrap.wrap(TOKEN, 7)),
        "as a list": ", ".join(TOKEN),
        "in wide letters": "".join(chr(ord(letter) + 0xFEE0) for letter in TOKEN),
        "cut": f"the token {TOKEN[:20]}… is odd",
        "its end": f"…{TOKEN[-20:]}",
        "wrapped": "\r\n ".join(textwrap.wrap(TOKEN, 10)),
        "upper case": TOKEN.upper(),
        "behind a letter with two lower cases": f"İ {TOKEN}",
        "twice": f"{TOKEN}, {TOKEN}",
        "the secret": f"client_secret={SECRET}&",
        "most of the secret": f"'{SECRET[:-2]}'",
    }.items(),
)
def test_a_secret_does_not_show(name: str, form: str) -> None:
    shown = clean_text(f"Bad request: {form} was refused", (TOKEN, SECRET))
    squeezed = "".join(shown.split()).lower()
    for secret in (TOKEN, SECRET):
        for start in range(len(secret) - PIECE + 1):
            assert secret[start : start + PIECE].lower() not in squeezed, name
    # Of any coding no more is left than of a piece of the form that is too short to be known.
    assert len(shown) < 120, name
    assert shown.startswith("Bad request: ")
    assert shown.endswith("was refused")


@pytest.mark.parametrize("before", ["", "a", "ab", "Bearer ", f"id:{SECRET[::-1]}:"])
@pytest.mark.parametrize(
    "coding",
    [
        lambda data: base64.b64encode(data).decode(),
        lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
        lambda data: "\n".join(textwrap.wrap(base64.b64encode(data).decode(), 20)),
        bytes.hex,
        lambda data: data.hex(" "),
        lambda data: data.hex(":").upper(),
    ],
    ids=["base64", "in addresses", "wrapped", "hexadecimals", "dumped", "dumped with colons"],
)
@pytest.mark.parametrize("secret", [TOKEN, SECRET])
def test_nor_does_it_in_bytes_that_are_written_out(
    before: str, coding: Callable[[bytes], str], secret: str
) -> None:
    written = coding(f"{before}{secret}".encode())
    shown = clean_text(f"Bad request: {written} was refused", (secret,))
    assert shown.startswith("Bad request: ")
    assert shown.endswith("was refused")
    kept = "".join(letter for letter in shown if letter.isalnum())
    hidden = "".join(letter for letter in coding(secret.encode()) if letter.isalnum())
    for start in range(len(hidden) - PIECE + 1):
        assert hidden[start : start + PIECE] not in kept


def test_what_looks_like_a_token_does_not_show_although_it_is_none_of_ours() -> None:
    other = "gAAAAV" + "x9Yz" * 30
    assert clean_text(f"Bearer abc, token {other}.", ()) == "Bearer *** token ***."


def test_the_words_of_exact_stay_whole() -> None:
    text = (
        "This endpoint has mandatory filtering applied: Accountant,AccountManager,AddressLine1,AddressLine2,Created. "
        "Could not find a property named 'X' on type 'Exact.Web.Api.Models.Sync.Project.TimeCostTransactionSync' "
        "for guid'01234567-89ab-cdef-0123-456789abcdef' at "
        "/api/v1/101/read/project/TimeAndBillingEntryAccountsByProjectAndDate"
    )
    assert clean_text(text, (TOKEN, SECRET)) == text


def test_names_are_not_searched_for_tokens() -> None:
    name = "Hottentottententententoonstellingsterreinverhuur BV"
    assert clean_text(name) == name


@given(st.text(st.sampled_from(CONTROLS + "abc é漢"), max_size=60), st.integers(1, 40))
def test_nothing_that_a_terminal_obeys_is_left(text: str, most: int) -> None:
    shown = clean_text(text, (), most=most)
    assert len(shown) <= most
    for letter in shown:
        assert letter == " " or letter.isprintable(), hex(ord(letter))
        assert unicodedata.category(letter)[0] != "C"
    assert shown == shown.strip()


@given(
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=PIECE, max_size=60),
    st.text(st.characters(codec="utf-8"), max_size=30),
)
def test_no_secret_survives_any_surroundings(before: str, secret: str, after: str) -> None:
    shown = clean_text(f"{before}{secret}{after}", (secret,))
    assert secret not in shown


@pytest.mark.parametrize("before", ["%", "\\x", "\\u00", "&#x", "&#", "&"])
def test_what_looks_like_a_coding_before_a_secret_eats_none_of_it(before: str) -> None:
    for secret in ("00000000", "41424344", "abcdef12;"):
        assert secret not in clean_text(f"{before}{secret}", (secret,))


def test_long_texts_are_cut_and_cost_little() -> None:
    assert clean_text("ab " * 10_000_000, (TOKEN,), most=10) == "ab ab ab …"

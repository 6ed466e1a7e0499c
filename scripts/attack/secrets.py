"""Secrets and forged lines in what the tap says, at log level DEBUG."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from scripts.attack.forks import side_by_side
from scripts.attack.model import Effort, Figure, Tally
from tap_exactonline.config import parse
from tap_exactonline.exact.auth.grants import read_answer
from tap_exactonline.exact.errors import ExactError
from tests.exact_online import ExactOnline, hostile

_CONTROL = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|^2026-11-28 12:00", re.MULTILINE
)
_SECRETS = ("access_token", "refresh_token", "client_secret", "token_store_passphrase")
_SECRET = "stampNL001.gAAAA!Zq8/x7Kw+Lr=3_mE-9vTb2~hY5sJ4"  # noqa: S105 - an invented one
_STREAMS = (
    "crm_contacts", "crm_accounts", "crm_addresses", "financial_journals", "financial_gl_accounts", "logistics_items",
    "project_projects", "sync_crm_accounts", "sync_crm_contacts", "vat_vat_codes",
)  # fmt: skip
_BREAKS = [
    "\n",
    "\r\n",
    " ",
    "\u200b",
    "\u201c",
    "\u2028",
    "\u00a0",
    "\x00",
    "\x1b[0m",
    "€",
    "\ud83d",
    "\ufeff",
]


def attack(effort: Effort) -> list[Figure]:
    """Answers that repeat what was sent, settings that were pasted badly, names that forge lines."""
    return [_echoes(effort), _grants(effort), _settings(effort)]


def _look(text: str, secrets: set[str], tally: Tally, what: str) -> None:
    for secret in secrets:
        if hostile.seen(secret, text):
            tally.went_wrong("showed a secret", what)
    if found := _CONTROL.search(text):
        tally.went_wrong("let a control character or a forged line through", f"{what}: {found[0]!r}")


def _echoes(effort: Effort) -> Figure:
    """Commands against an API that repeats the request's header in its errors, and forges lines in texts and names."""
    tally = Tally()
    exact = ExactOnline(seed=9)
    exact.limits(minute=10**6, day=10**7)
    exact.add_division(
        101, rows=dict.fromkeys(_STREAMS, 2), description=f"Bakkerij{hostile.FORGED}", Country="N\x1b[1m"
    )
    exact.add_division(102, status=2, description=f"Slager{hostile.FORGED}")
    actions = [*map(hostile.echo, hostile.ECHOES), hostile.forge(400), hostile.forge(403, f"Odd{hostile.FORGED}"),
               hostile.forge(418)]  # fmt: skip
    with exact.serve() as url, tempfile.TemporaryDirectory() as home:
        jobs = []
        for number in range(effort.count(20)):
            folder = Path(home, str(number))
            folder.mkdir()
            settings = {
                "api_url": url, "client_id": exact.client_id, "client_secret": exact.client_secret, "divisions": [101, 102],
                "access_token": exact.issue_access_token(), "token_store": "tokens.json",
            }  # fmt: skip
            (folder / "config.json").write_text(json.dumps(settings))
            command = (["check"], ["check", "--quick"], ["divisions"], ["drift", "--service", "crm"])[
                number % 4
            ]
            jobs.append(([*command, "--config", "config.json"], folder))
        for stream, action in zip(_STREAMS, effort.chance.sample(actions, len(_STREAMS)), strict=True):
            exact.faults.add(stream, action, times=None)
        exact.faults.add("$metadata", hostile.forge(403), times=None)
        for (arguments, _), ended in zip(jobs, side_by_side(jobs), strict=True):
            tally.tried += 1
            _look(
                ended.out + ended.err, {*exact.issued_tokens, exact.client_secret}, tally, " ".join(arguments)
            )
            if ended.trouble:
                tally.went_wrong(ended.trouble, ended.err[-300:])
    return tally.figure(
        "commands against an API that repeats tokens and forges lines", "secrets or forged lines shown"
    )


def _grants(effort: Effort) -> Figure:
    """The token service repeats the form that it got: whole, encoded, in part, wrapped."""
    tally = Tally()
    chance = effort.chance
    forms: list[Callable[[str], str]] = [
        str, quote, quote_plus, str.upper,
        lambda text: json.dumps(text)[1:-1],
        lambda text: f"refresh_token={text}&x=1",
        lambda text: "\r\n".join(text[at : at + 7] for at in range(0, len(text), 7)),
    ]  # fmt: skip
    for _ in range(effort.count(600)):
        tally.tried += 1
        start = chance.randrange(len(_SECRET) - 8)
        part = _SECRET[start : chance.randrange(start + 8, len(_SECRET) + 1)]
        said = f"Bad{hostile.FORGED}: {chance.choice(forms)(part)} is wrong"
        body = json.dumps({"error": "invalid_request", "error_description": said}).encode()
        answer = read_answer(chance.choice([400, 401, 403, 500]), {}, body, (_SECRET,))
        _look(answer.text, {_SECRET}, tally, part)
    return tally.figure(
        "answers of the token service that repeat what it got, in parts and codings", "secrets shown"
    )


def _settings(effort: Effort) -> Figure:
    """Secrets with something in them that does not belong there, and secrets of another type."""
    tally = Tally()
    chance = effort.chance
    odd: list[Any] = [[_SECRET], {"token": _SECRET}, _SECRET.encode().hex(), [[_SECRET]], {_SECRET: 1}]
    for _ in range(effort.count(600)):
        tally.tried += 1
        at = chance.randrange(len(_SECRET) + 1)
        value: Any = _SECRET[:at] + chance.choice(_BREAKS) + _SECRET[at:]
        if chance.random() < 0.2:
            value = chance.choice(odd)
        try:
            parse({chance.choice(_SECRETS): value, "client_id": "x"})
        except ExactError as exc:
            _look(f"{exc!r} {exc}", {_SECRET}, tally, repr(value))
        except Exception as exc:  # noqa: BLE001 - this is what is looked for
            tally.went_wrong(type(exc).__name__, repr(value))
    return tally.figure("secrets in the settings that were pasted badly", "shown, 0 exceptions")

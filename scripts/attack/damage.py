"""Damaged bytes wherever the tap reads what others send: 40,000 of them, inside this process.

Whatever comes in, only the tap's own errors may come out; a page that is taken all the same must give whole lines of JSON.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from scripts.attack import mutate
from scripts.attack.model import Effort, Figure, Tally
from scripts.attack.samples import STREAMS, samples
from tap_exactonline.commands.drift_report import differences, services
from tap_exactonline.endpoints import by_name
from tap_exactonline.exact import metadata
from tap_exactonline.exact.answers import Answer
from tap_exactonline.exact.auth.grants import read_answer
from tap_exactonline.exact.bodies import read_body
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.clock import ServerClock, clock_time, retry_after
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.divisions import Division
from tap_exactonline.exact.errors import BrokenAnswer, ExactError
from tap_exactonline.exact.odata import read_rows
from tap_exactonline.exact.rate_limits import DivisionLimits
from tap_exactonline.exact.responses import failure
from tap_exactonline.exact.urls import check_api_url, link_within
from tap_exactonline.sync.reader import Reader
from tap_exactonline.sync.rights import ask_rights
from tap_exactonline.sync.start import first_timestamp
from tap_exactonline.sync.state.bookmark import Bookmark
from tap_exactonline.tap import TapExactOnline
from tests.support.reading import context_of

API = "https://start.exactonline.nl"
NOW = 1_764_324_000.0
LIMITS = tuple(
    f"X-RateLimit-{kind}{what}" for kind in ("", "Minutely-") for what in ("Limit", "Remaining", "Reset")
)
_FIRST = datetime(2026, 1, 1)  # noqa: DTZ001 - the administration's wall clock has no zone


class OnePage:
    """A client whose every answer is one body."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def get(self, context: RequestContext, *, decode: Callable[[bytes], Any], **_: Any) -> Any:
        """The body, decoded."""
        return read_body(200, self.body, decode, xml=context.xml)

    def errors(self, *_: Any) -> int:
        """Nothing was refused."""
        return 0

    def now(self) -> float:
        """Exact's clock."""
        return NOW

    def follow(self, *_: Any, **__: Any) -> Any:
        """There is no second page."""
        raise BrokenAnswer("no more")


def attack(effort: Effort) -> list[Figure]:
    """All readers in turn."""
    logging.disable(logging.CRITICAL)  # what the tap remarks on thousands of bad rows
    try:
        return [read(effort) for read in (_pages, _lists, _errors, _tokens, _headers, _addresses, _documents)]
    finally:
        logging.disable(logging.NOTSET)


def _try(effort: Effort, whole: int, one: Callable[[], None]) -> Tally:
    tally = Tally()
    for _ in range(effort.count(whole)):
        if effort.late:
            break
        tally.tried += 1
        try:
            one()
        except ExactError as exc:
            if "\n" in str(exc):
                tally.went_wrong("an error of several lines", exc)
        except Exception as exc:  # noqa: BLE001 - this is what is looked for
            tally.went_wrong(type(exc).__name__, repr(exc))
    return tally


def _pages(effort: Effort) -> Figure:
    chance = effort.chance
    with tempfile.TemporaryDirectory() as home:
        config = {"access_token": "x", "token_store": f"{home}/tokens.json", "hidden_fields": True}
        tap = TapExactOnline(config=config)
        reads = [cast("Any", tap.streams[name]).reading() for name in STREAMS]

    def one() -> None:
        client = OnePage(b"")
        read = chance.choice(reads)
        client.body = mutate.damaged(samples().pages[read.name], chance)
        for batch in Reader(context_of(client), read, Division(101), Bookmark()).batches():
            for payload in batch.payloads:
                for line in cast("bytes", payload.content).splitlines():
                    json.loads(line)

    return _try(effort, 12_000, one).figure(
        "damaged pages of rows, seven streams", "exceptions, 0 broken lines"
    )


def _lists(effort: Effort) -> Figure:
    """Lists of administrations, current/Me, UserHasRights, SyncTimestamp."""
    chance = effort.chance
    rights, stamp = b'{"d":{"UserHasRights":true}}', b'{"d":{"results":[{"TimeStampAsBigInt":"12345"}]}}'

    def one() -> None:
        kind = chance.randrange(4)
        body = mutate.damaged((samples().divisions, samples().me, rights, stamp)[kind], chance)
        client = cast("ExactClient", OnePage(body))
        match kind:
            case 0 | 1:
                for row in read_body(200, body, read_rows).rows:
                    try:
                        division = Division.of(row)
                    except (KeyError, TypeError, ValueError, OverflowError):  # "has a row without a number"
                        continue
                    assert division.description.isprintable()  # noqa: S101
            case 2:
                ask_rights(client, by_name("crm_contacts"), 101)
            case _:
                first_timestamp(client, by_name("sync_crm_accounts"), 101, _FIRST)

    return _try(effort, 5_000, one).figure(
        "damaged lists of administrations, Me, rights, SyncTimestamp", "exceptions"
    )


def _errors(effort: Effort) -> Figure:
    chance = effort.chance
    subject = RequestContext("crm/Accounts", 101, "crm_accounts", "Crm accounts")

    def one() -> None:
        status = chance.choice([302, 400, 401, 403, 404, 407, 408, 414, 418, 429, 500, 503, 599])
        headers = {"Reason": mutate.damaged_text("NoDivisionAccess", chance), **_odd_headers(effort)}
        answer = Answer.of(
            status, headers, mutate.damaged(chance.choice(samples().errors), chance), ("x" * 20,)
        )
        line = str(failure(answer, subject, new_host=API))
        assert line.isprintable(), line  # noqa: S101

    return _try(effort, 6_000, one).figure("damaged error bodies and reasons", "exceptions, 0 forged lines")


def _tokens(effort: Effort) -> Figure:
    chance = effort.chance

    def one() -> None:
        body = mutate.damaged(chance.choice(samples().tokens), chance)
        answer = read_answer(
            chance.choice([200, 200, 400, 401, 429, 503]), _odd_headers(effort), body, ("s" * 20,)
        )
        assert answer.text.isprintable(), answer.text  # noqa: S101
        assert 0 < answer.expires_in < 1e9  # noqa: S101

    return _try(effort, 6_000, one).figure("damaged answers of the token service", "exceptions")


def _odd_headers(effort: Effort) -> dict[str, str]:
    chance = effort.chance
    values = ["Sat, 28 Nov 2026 10:00:00 GMT", "60", "1764324000000", "4999"]
    return {
        name: mutate.damaged_text(chance.choice(values), chance) for name in ("Date", "Retry-After", *LIMITS)
    }


def _headers(effort: Effort) -> Figure:
    def one() -> None:
        headers: Mapping[str, str] = _odd_headers(effort)
        clock = ServerClock(lambda: NOW)
        clock.observe(headers["Date"], NOW, NOW + 1)
        limits = DivisionLimits(clock.now)
        limits.observe(headers)
        limits.refused(headers, 1)
        limits.next_call()
        clock_time(limits.close_day().resets)
        clock_time(clock.now() + (retry_after(headers, clock.now()) or 0))

    return _try(effort, 5_000, one).figure(
        "Date, Retry-After and X-RateLimit headers out of range", "exceptions"
    )


def _addresses(effort: Effort) -> Figure:
    chance = effort.chance

    def one() -> None:
        address = mutate.damaged_text(
            chance.choice([API, "http://127.0.0.1:8000/exact/", "https://[::1]:1"]), chance
        )
        link_within(
            API, mutate.damaged_text(f"{API}/api/v1/101/crm/Accounts?$skiptoken=guid'1'", chance), 101
        )
        check_api_url(address)

    return _try(effort, 4_000, one).figure("damaged links and addresses", "exceptions")


def _documents(effort: Effort) -> Figure:
    chance = effort.chance
    (crm,) = [one for one in services() if one.title == "crm"]

    def one() -> None:
        service = read_body(200, mutate.damage(samples().edmx, chance), metadata.parse, xml=True)
        for what in differences(crm, service):
            assert what.path.isprintable()  # noqa: S101

    return _try(effort, 2_000, one).figure("damaged $metadata", "exceptions")

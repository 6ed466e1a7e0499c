"""One page, from the bytes of Exact's answer to the lines of Singer messages: the only place where rows are objects.

Threads do not make Python faster, but each page under way is tens of thousands of objects. So one worker at a time makes
lines of a page (`PageMaker.lock`); the others hold bytes, which with eight workers saves a quarter of the memory.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tap_exactonline.sync.records.codec import Codec, Rows
from tap_exactonline.sync.records.values import moment
from tap_exactonline.sync.stream_read import StreamRead

_encoder = msgspec.json.Encoder()


class Payload(msgspec.Struct, frozen=True):
    """Records of one stream.

    Attributes:
        read: The stream.
        content: RECORD lines, or plain records for the SDK's own path.
        count: How many.
        without: The fields that they lack because Exact refuses them; None if any schema of the stream fits them.
        lowest: Of tombstones, the lowest Timestamp of the deletions.
    """

    read: StreamRead
    content: bytes | list[dict[str, Any]]
    count: int
    without: frozenset[str] | None = None
    lowest: int | None = None


class PageLines(msgspec.Struct, frozen=True):
    """What a page gives: lines for the target, and what the bookmark needs to know of the rows.

    Attributes:
        payloads: The records, by stream.
        count: How many rows it had, keyless and older ones aside.
        next_url: Address of the next page, or None.
        stamps: Of a sync stream the Timestamps of all rows, in the order in which Exact gave them.
        highest: Of other streams the highest moment in the bookmark's field, None if there is none.
        undated: Whether a row of theirs has no moment there.
        unreadable: Field → values that could not be read and became null.
        nul: Characters U+0000 that were taken out of texts.
        keyless: Rows left out because they have no complete key.
    """

    payloads: tuple[Payload, ...]
    count: int
    next_url: str | None
    stamps: Sequence[int]
    highest: datetime | None
    undated: bool
    unreadable: Counter[str]
    nul: int
    keyless: int

    @property
    def given(self) -> int:
        """How many rows Exact gave, those that were left out among them."""
        return max(len(self.stamps), self.count + self.keyless)


class PageMaker(msgspec.Struct, frozen=True):
    """Makes lines of the pages of one read. Calling it changes nothing: a page may come, and be made, more than once.

    Attributes:
        read: The stream.
        division: Number of the administration that is asked.
        lock: Shared by all workers. Whoever holds it waits for nothing else.
        fast: Make lines; else plain records, for the SDK's own path.
        bare: The lines hold the record alone, without a message around it: for files.
        without: The fields that are not asked for because Exact refuses them.
        parameters: The values of the endpoint's parameters.
        oldest: Rows modified before are left out.
        modified: The field that tells when a row was modified.
        share: Makes payloads of the rows where they do not all belong to the stream (see `deletions`).
    """

    read: StreamRead
    division: int
    lock: threading.Lock
    fast: bool
    bare: bool = False
    without: frozenset[str] = frozenset()
    parameters: tuple[Any, ...] = ()
    oldest: datetime | None = None
    modified: str | None = None
    share: Share | None = None

    def __call__(self, body: bytes) -> PageLines:
        """Make lines of a page.

        Raises:
            MalformedPage: If the body is not a page of Exact Online.
            BrokenAnswer: If it holds rows of another administration.
            StreamError: If a list inside a row is not whole.
        """
        with self.lock:
            return self._made(body)

    def _made(self, body: bytes) -> PageLines:
        """In a function of its own, so that the rows are gone before the lock is."""
        endpoint = self.read.endpoint
        codec = self.read.codec_without(self.without)
        rows = codec.decode(body, self.division)
        stamps: Sequence[int] = ()
        highest, undated = None, False
        if endpoint.kind == "sync":
            stamps = [stamp for stamp in rows.values("Timestamp") if stamp is not None]
            if stamps != sorted(stamps):
                # When a page has two versions of a row, the newer must come last.
                rows.sort("Timestamp")
        elif endpoint.bookmark:
            moments = [moment(text) for text in rows.values(endpoint.bookmark)]
            highest, undated = max(filter(None, moments), default=None), None in moments
        oldest, modified = self.oldest, self.modified
        if oldest is not None and modified is not None and codec.reads(modified):
            rows.keep([(moment(text) or oldest) >= oldest for text in rows.values(modified)])
        keyless = codec.drop_keyless(rows)
        payloads = self.share(self, codec, rows) if self.share else self._payloads(codec, rows)
        return PageLines(
            payloads, rows.count, rows.next_url, stamps, highest, undated, rows.unreadable, rows.nul, keyless
        )

    def payload(
        self,
        read: StreamRead,
        records: Sequence[Any],
        without: frozenset[str] | None = None,
        lowest: int | None = None,
    ) -> Payload:
        """Encode records (structs or dictionaries) of a stream; the rest is as in `Payload`."""
        content: bytes | list[dict[str, Any]]
        if not self.fast:
            content = plain_records(records)
        elif self.bare:
            content = bare_lines(records, read.version)
        else:
            content = record_lines(records, read.name, read.version)
        return Payload(read, content, len(records), without, lowest)

    def _payloads(self, codec: Codec, rows: Rows) -> tuple[Payload, ...]:
        endpoint = self.read.endpoint
        owner: int | Sequence[int] | None = None if endpoint.login_wide else self.division
        if endpoint.name == "system_divisions":
            # The list of administrations is read once: each row belongs to the one it describes.
            owner = rows.values("Code")
        records = codec.records(rows, owner, self.parameters)
        return (self.payload(self.read, records, self.without),) if records else ()


Share = Callable[[PageMaker, Codec, Rows], tuple[Payload, ...]]
"""Makes payloads of the rows of a page."""


class _Message(msgspec.Struct, tag_field="type", tag="RECORD", gc=False):
    stream: str
    record: Any
    time_extracted: str


class _VersionedMessage(msgspec.Struct, tag_field="type", tag="RECORD", gc=False):
    stream: str
    record: Any
    version: int
    time_extracted: str


def record_lines(records: Sequence[Any], stream: str, version: int | None = None) -> bytes:
    """RECORD messages of records (structs or dictionaries), one a line."""
    now = datetime.now(UTC).isoformat()
    messages: list[Any] = (
        [_Message(stream, record, now) for record in records]
        if version is None
        else [_VersionedMessage(stream, record, version, now) for record in records]
    )
    return _encoder.encode_lines(messages)


def bare_lines(records: Sequence[Any], version: int | None = None) -> bytes:
    """Records (structs or dictionaries) without a message around them, one a line.

    Targets of the SDK take a table version from the message of a single record, but of a file from its records only: without it,
    rows of a file are declared gone (Singer SDK 0.54, ``Sink.process_batch_files``).
    """
    lines = _encoder.encode_lines(records)
    # A line break in a text is escaped.
    return lines if version is None else lines.replace(b"}\n", b',"_sdc_table_version":%d}\n' % version)


def plain_records(records: Sequence[Any]) -> list[dict[str, Any]]:
    """The records as plain dictionaries, dates as ISO text: what the SDK's own path takes."""
    return [msgspec.to_builtins(record) for record in records]

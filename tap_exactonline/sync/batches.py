"""BATCH messages: records go into files, and the target is told where they lie (setting ``batch_config``)."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import time
from typing import IO, Any, Self
from uuid import uuid4

import msgspec
from singer_sdk.helpers._batch import BatchConfig

from tap_exactonline.stdout import OutputError
from tap_exactonline.sync.output import LineWriter

_LEVEL = 3
"""Of gzip: half the time of its default, for a few percent more bytes."""

_STATE_SECONDS = 60.0
"""How often a STATE may ask for the files that are under way. Each makes a file a stream, and targets like large ones."""


class _Open(msgspec.Struct):
    """A file under way."""

    file: IO[bytes]
    lines: IO[bytes]
    version: int | None
    rows: int = 0


class Batches(msgspec.Struct):
    """Writes records into files, a stream at a time in each, and the message about a file when it is complete.

    A file lies in the temporary directory until then, so that memory stays flat and no target sees half of one. As a context, it
    lets nothing more be written if it is left while rows have not reached the target: the bookmarks are past them already.

    Attributes:
        config: Where to, in which encoding, and how many records a file has.
        output: The door to the target.
    """

    config: BatchConfig
    output: LineWriter
    _open: dict[str, _Open] = msgspec.field(default_factory=dict)
    _flushed: float = msgspec.field(default_factory=time.monotonic)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            self.output.shut()
        for under_way in self._open.values():
            under_way.file.close()

    @property
    def due(self) -> bool:
        """Whether it is time for a STATE."""
        return time.monotonic() - self._flushed >= _STATE_SECONDS

    def add(self, stream: str, lines: bytes, rows: int, version: int | None) -> None:
        """Take in records, one a line.

        Raises:
            OutputError: If a file can't be written.
        """
        under_way = self._open.get(stream)
        try:
            if under_way is None:
                under_way = self._open[stream] = self._begin(version)
            under_way.lines.write(lines)
        except OSError as exc:
            raise _failed(exc) from exc
        under_way.rows += rows
        if under_way.rows >= self.config.batch_size:
            self.close(stream)

    def _begin(self, version: int | None) -> _Open:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        compressed = self.config.encoding.compression == "gzip"
        lines: Any = gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_LEVEL) if compressed else file
        return _Open(file, lines, version)

    def close(self, stream: str) -> None:
        """Complete the file of a stream, if there is one, and tell the target.

        Raises:
            OutputError: If the file can't be put where it belongs.
        """
        under_way = self._open.get(stream)
        if under_way is None:
            return
        storage, encoding = self.config.storage, self.config.encoding
        ending = ".json.gz" if encoding.compression == "gzip" else ".json"
        name = f"{storage.prefix or ''}tap-exactonline--{stream}-{uuid4()}{ending}"
        with under_way.file as file:
            try:
                if under_way.lines is not file:
                    under_way.lines.close()
                file.seek(0)
                with storage.open(name, "wb") as target:
                    shutil.copyfileobj(file, target)
            except Exception as exc:  # whatever the storage's own library raises
                raise _failed(exc) from exc
        message: dict[str, Any] = {
            "type": "BATCH",
            "stream": stream,
            "encoding": {"format": encoding.format, "compression": encoding.compression},
            "manifest": [storage.get_url(name)],
        }
        if under_way.version is not None:
            message["version"] = under_way.version
        self.output.write_object(message)
        del self._open[stream]

    def flush(self) -> None:
        """Complete all files."""
        for stream in list(self._open):
            self.close(stream)
        self._flushed = time.monotonic()


def _failed(exc: Exception) -> OutputError:
    return OutputError(f"a file of batch_config can't be written: {type(exc).__name__}: {exc}")

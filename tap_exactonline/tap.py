"""Singer's face of the tap: settings, capabilities, the list of streams."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import PurePath
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

import click
import msgspec
from singer_sdk import Stream, Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TapCapabilities
from singer_sdk.singerlib import Catalog

from tap_exactonline import DISTRIBUTION, interrupts
from tap_exactonline.catalog import CatalogError, check_known, check_shape, for_a_run
from tap_exactonline.config import Config, parse, plain
from tap_exactonline.config.sdk_settings import batch_config
from tap_exactonline.config.settings import SCHEMA
from tap_exactonline.config.sources import environment_settings
from tap_exactonline.config.unknown import unknown_settings, unknown_streams, unknown_variables
from tap_exactonline.connection import Connection
from tap_exactonline.endpoints import Endpoint, by_name, load
from tap_exactonline.exact.auth.signals import settle
from tap_exactonline.exact.counted import counted
from tap_exactonline.exact.divisions import recall_refused
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.extra_streams.stream import remarks
from tap_exactonline.sync.messages import RunContext
from tap_exactonline.sync.output import LineWriter
from tap_exactonline.sync.own_streams import OWN_STREAMS, OwnStream
from tap_exactonline.sync.records.schema import Naming
from tap_exactonline.sync.report import Report
from tap_exactonline.sync.row_counts import ROW_COUNTS
from tap_exactonline.sync.run import Run, RunIncomplete
from tap_exactonline.sync.run_log import RUN_LOG, RunLog
from tap_exactonline.sync.slots import WorkerSlots
from tap_exactonline.sync.state.envelope import unwrap
from tap_exactonline.sync.state.state import State, StateError
from tap_exactonline.sync.stream_maps import described
from tap_exactonline.sync.stream_read import LOG
from tap_exactonline.sync.streams import ExactStream

if TYPE_CHECKING:
    from tap_exactonline.discovery import Documents

_GRACE = 30.0
"""Seconds from a signal until the process ends even if the target does not take what is left."""

_SAME_WISH = 0.5
"""Seconds in which further signals count as the first: a terminal and a parent process may both send one."""

_SLOW_PATH = ("stream_maps", "stream_map_config", "flattening_enabled")


@contextmanager
def _one_line() -> Iterator[None]:
    """Turn what a person has written wrongly into the failure that the SDK knows, and the command shows as one line."""
    try:
        yield
    except (SettingsError, CatalogError, StateError) as exc:
        raise ConfigValidationError(str(exc), errors=[str(exc)]) from exc


class TapExactOnline(Tap):
    """Exact Online: every administration that the login may read."""

    name = "tap-exactonline"
    package_name = DISTRIBUTION
    config_jsonschema: ClassVar[dict[str, Any]] = SCHEMA
    message_writer_class = LineWriter
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.TEST,
        PluginCapabilities.ABOUT,
        PluginCapabilities.ACTIVATE_VERSION,
        PluginCapabilities.BATCH,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(
        self,
        *,
        config: Any = None,
        catalog: PurePath | str | dict[str, Any] | Catalog | None = None,
        **kwargs: Any,
    ) -> None:
        self.stop = threading.Event()
        self._run: Run | None = None
        self._asked_to_end: float | None = None
        self._undescribed: list[str] = []
        self._documents: Documents = {}
        self._remembered = State()
        if isinstance(catalog, dict):
            with _one_line():
                check_shape(catalog)
                catalog = for_a_run(catalog)
        super().__init__(config=config, catalog=catalog, **kwargs)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings ourselves first: our sentences name the remedy."""
        for remark in (*unknown_settings(self._config), *unknown_variables(os.environ)):
            self.logger.warning(remark)
        try:
            self.checked: Config = parse(self._config)
        except SettingsError as exc:
            # Discovery lives with settings that are still missing. Streams defined wrongly would be missing from it.
            if raise_errors or exc.setting.startswith("extra_streams"):
                raise ConfigValidationError(str(exc), errors=[str(exc)]) from exc
            self.checked = parse({})
            return [str(exc)]
        maps = (
            unknown_streams(self._config, {*self._known(), *OWN_STREAMS})
            if self._config.get("stream_maps")
            else ()
        )
        for remark in (*remarks(self.checked.extra_streams), *maps):
            self.logger.warning(remark)
        self._config = plain(self._config, self.checked)
        return super()._validate_config(raise_errors=raise_errors)

    @cached_property
    def slots(self) -> WorkerSlots:
        """Slots for divisions that work at the same time."""
        return WorkerSlots(self.checked.max_parallel_divisions, self.stop)

    @cached_property
    def connection(self) -> Connection:
        """The way to Exact."""
        return Connection(self.checked, self.stop, self._tell_wait, self.slots.idle, self.slots.large)

    @cached_property
    def run_context(self) -> RunContext:
        """What all parts of a run share."""
        output = self.message_writer
        if not isinstance(output, LineWriter):
            raise TypeError("the message writer must be a LineWriter")
        fast = not any(self.config.get(name) for name in _SLOW_PATH)
        batch = batch_config(self.config)
        if batch and not fast:
            self.logger.warning(
                "Setting 'batch_config' has no effect together with stream maps or flattening"
            )
        return RunContext(
            connection=self.connection,
            output=output,
            slots=self.slots,
            stop=self.stop,
            logger=self.logger,
            fast=fast,
            versions=bool(self.config.get("emit_activate_version_messages")),
            batch=batch if fast else None,
        )

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805
        cls.append_builtin_config(cls.config_jsonschema)
        return environment_settings(cls.config_jsonschema)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command, with the tap's own commands beside it."""
        from tap_exactonline.commands.group import build  # noqa: PLC0415 - the tap as a library has no commands

        return build(super().get_singer_command(), cls.invoke)

    def setup_mapper(self) -> None:
        """Prepare stream maps and flattening.

        Raises:
            ConfigValidationError: If an expression can't be used.
        """
        # They have failures of their own, and say which columns the maps are made for.
        for stream in self.streams.values():
            _ = stream.metadata
        # The SDK takes `__else__` out of the maps that it is given: the settings are for other runs, too.
        given = self._config
        try:
            self._config = {**given, "stream_maps": {**(given.get("stream_maps") or {})}}
            super().setup_mapper()
        except ConfigValidationError:
            raise
        except Exception as exc:
            if not any(self.config.get(name) for name in _SLOW_PATH):
                raise
            text = f"Setting 'stream_maps': {described(exc)}"
            raise ConfigValidationError(text, errors=[text]) from exc
        finally:
            self._config = given

    def discover_streams(self) -> Sequence[Stream]:
        """Every endpoint; only the selected ones if there is a catalog.

        Asks nobody, unless the setting ``extra_streams`` leaves columns to Exact.

        Raises:
            ConfigValidationError: If the catalog holds unknown streams, or a definition does not fit what Exact says.
        """
        wanted = None if self.input_catalog is None else set(self.input_catalog)
        with _one_line():
            check_known(wanted or (), {*self._known(), *OWN_STREAMS})
        endpoints = [endpoint for endpoint in load() if wanted is None or endpoint.name in wanted]
        if self.checked.extra_streams:
            from tap_exactonline.discovery import extra_endpoints  # noqa: PLC0415 - most runs have none

            with _one_line():
                extra, self._undescribed = extra_endpoints(
                    self.connection, wanted, self.logger, self._documents
                )
            endpoints += extra
            for sentence in self._undescribed:
                self.logger.warning(sentence)
        naming = self._naming()
        streams: list[Stream] = [
            ExactStream(self, endpoint, naming, self.run_context) for endpoint in endpoints
        ]
        streams += [
            kind(self, fast=self.run_context.fast)
            for name, kind in OWN_STREAMS.items()
            if wanted is None or name in wanted
        ]
        return streams

    def _known(self) -> dict[str, Endpoint]:
        """All streams by name; of some the columns may not be known yet."""
        extra = [stream.endpoint for stream in self.checked.extra_streams]
        return {endpoint.name: endpoint for endpoint in (*load(), *extra)}

    def _naming(self) -> Naming:
        return Naming(self.checked.exact_names, self.checked.hidden_fields, self.checked.tombstones)

    @property
    def catalog_json_text(self) -> str:
        """The catalog, one stream a line: Meltano reads it line by line and hangs on very long ones."""
        streams = [msgspec.json.encode(entry).decode() for entry in self.catalog_dict["streams"]]
        return '{"streams": [\n' + ",\n".join(streams) + "\n]}"

    def load_state(self, state: dict[str, Any]) -> None:
        """Take in a state, if it is one.

        Raises:
            ConfigValidationError: If it is broken or of a newer version.
        """
        with _one_line():
            self._remembered, remarks = State.read(unwrap(state), self._known())
        for remark in remarks:
            self.logger.warning(remark)
        if others := self._remembered.leave_out(self.checked.shard.owns):
            self.logger.info(
                "The state has bookmarks of %s of other parts. They are left out",
                counted(others, "administration"),
            )
        self.connection.fallback_divisions |= self._remembered.all_divisions()
        listed = self._remembered.others.get("divisions")
        recall_refused(
            self.connection.list_refusals, listed.get("refused") if isinstance(listed, dict) else None
        )

    # -- runs

    def sync_all(self) -> None:  # type: ignore[misc]
        """Read every selected stream of every division, side by side.

        The SDK marks this method as final because it reads streams one after the other; we replace the order, and
        keep its messages.

        Raises:
            RunIncomplete: If something that was asked for is missing.
            ExactError: If the administrations can't even be listed.
        """
        with _one_line():
            if self.checked.only_schemas:
                self._run = self._make_run()
                self._run.write_schemas()
                for name in OWN_STREAMS:
                    if own := self._own_stream(name):
                        own.write(())
                return
            if self.connection.paused:
                self.logger.info(
                    "The connection %s is paused: nothing is read. `tap-exactonline connections resume %s` lets runs read again",
                    self.checked.connection, self.checked.connection,
                )  # fmt: skip
                return
            self._remembered.select(name for name, stream in self._exact_streams().items() if stream.selected)
            log = RunLog(self.run_context, self._own_stream(RUN_LOG), self._remembered)
            # Before anything is asked: a run that can't even log in is told in the log.
            log.begin()
            try:
                self._run = self._make_run()
                self._run.read()
            except (Exception, SystemExit) as exc:
                self._end_run_log(log, exc)
                raise
            self._end_run_log(log)

    def run_connection_test(self) -> bool:  # type: ignore[misc]
        """Log in, list the administrations, and write them.

        The SDK's own test spends a call on every stream, which with hundreds of them takes minutes and a good part
        of the day's budget.

        Raises:
            ExactError: What is wrong, and what to do about it.
        """
        self._make_run().test()
        return True

    def _own_stream(self, name: str) -> OwnStream | None:
        """A stream of the tap itself; None if it is not selected."""
        stream = self.streams.get(name)
        return stream if isinstance(stream, OwnStream) and stream.selected else None

    def _end_run_log(self, log: RunLog, error: BaseException | None = None) -> None:
        log.end(
            Report() if self._run is None else self._run.report,
            complete=error is None,
            error=None if isinstance(error, RunIncomplete) else error,
            unread=[division.code for division in (self._run.divisions if self._run else ())],
        )

    def _exact_streams(self) -> dict[str, ExactStream]:
        return {name: stream for name, stream in self.streams.items() if isinstance(stream, ExactStream)}

    def _make_run(self) -> Run:
        streams = self._exact_streams()
        refused = self._refused(streams)
        streams = {name: stream for name, stream in streams.items() if name not in refused}
        log_stream = None
        if self.checked.tombstones:
            log_stream = streams.get(LOG) or ExactStream(self, by_name(LOG), self._naming(), self.run_context)
        return Run(
            context=self.run_context,
            streams=streams,
            log_stream=log_stream,
            counts=self._own_stream(ROW_COUNTS),
            state=self._remembered,
            problems=[*self._undescribed, *refused.values()],
        )

    def _refused(self, streams: Mapping[str, ExactStream]) -> dict[str, str]:
        """The streams that would call a function which may change something, and why they are not read."""
        extras = [
            extra
            for extra in self.checked.extra_streams
            if (stream := streams.get(extra.endpoint.name)) is not None and stream.selected
        ]
        if not extras:
            return {}
        from tap_exactonline.discovery import called_functions  # noqa: PLC0415 - most runs have none

        return called_functions(self.connection, extras, self.logger, self._documents)

    def _tell_wait(self, division: int | None, seconds: float, why: str) -> None:
        where = f"division {division}: " if division is not None else ""
        self.logger.info("%swaiting %.0f s: %s", where, seconds, why)

    # -- signals

    def _setup_signal_handlers(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in interrupts.ENDING:
                if interrupts.handled(number):
                    signal.signal(number, self._handle_termination)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Ask the run to stop; it writes what is complete, the state, and ends by itself. The second time, end now."""
        now = time.monotonic()
        if self._asked_to_end is not None:
            if now - self._asked_to_end > _SAME_WISH:
                self._end_now(signum)
            return
        self._asked_to_end = now
        if self._run is None:
            self.stop.set()
            raise SystemExit(interrupts.EXIT_BASE + signum)
        threading.Thread(target=self._end_anyway, args=(signum,), daemon=True).start()
        self._run.end(signum)

    def _end_anyway(self, signum: int) -> None:
        time.sleep(_GRACE)
        self._end_now(signum)

    def _end_now(self, signum: int) -> None:
        """End in the middle of anything but the saving of a login. Nothing is written any more, nothing was counted."""
        settle()
        os._exit(interrupts.EXIT_BASE + signum)

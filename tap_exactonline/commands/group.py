"""What a person or a program types: ``tap-exactonline``, its options and its commands.

Without a command it is the SDK's Singer command. The group takes over three things from the SDK: files and
variables that can't be read become one line instead of a traceback, so does every failure that names its remedy,
and a run that a signal ended says so by its exit code.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable
from typing import IO, Any

import click
from click.core import ParameterSource
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import SingerCommand, _ConfigInput

from tap_exactonline import interrupts
from tap_exactonline.catalog import prune
from tap_exactonline.config.settings import SCHEMA
from tap_exactonline.config.sources import (
    ENVIRONMENT,
    environment_settings,
    parse_object,
    read_object,
    read_text,
)
from tap_exactonline.config.unknown import unknown_settings, unknown_variables
from tap_exactonline.exact.errors import ExactError, SettingsError

HELP = """Read Exact Online: every administration that the login may read.

Without a command it writes Singer messages to standard output.
"""


class TapGroup(SingerCommand, click.Group):
    """The SDK's command, with further commands beside it."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and turn what a person can mend into one line.

        Exit codes: 0 all is in, 1 something is missing or wrong, 2 wrong usage, 128 + number of a signal.
        """
        from tap_exactonline.sync.again import again, sentence
        from tap_exactonline.sync.run import RunIncomplete

        logging.captureWarnings(capture=True)
        warnings.filterwarnings("once", category=DeprecationWarning)
        sys.excepthook = self.excepthook
        try:
            return super().main(*args, **kwargs)
        except ConfigValidationError as exc:
            for error in exc.errors or [str(exc)]:
                self.logger.error("%s", error)  # noqa: TRY400 - a sentence for a person
            sys.exit(1)
        except RunIncomplete as exc:
            self.logger.error("%s", exc)  # noqa: TRY400
            sys.exit(exc.exit_code)
        except SettingsError as exc:
            self.logger.error("%s", exc)  # noqa: TRY400
            sys.exit(1)
        except ExactError as exc:
            self.logger.error("%s. %s", str(exc).rstrip(". "), sentence({again(exc)}))  # noqa: TRY400
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, or the tap itself where there is none."""
        return click.Group.invoke(self, ctx)


class PlainCommand(click.Command):
    """A command for a person: no log, failures as one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it.

        Raises:
            click.ClickException: Something is wrong that a person can mend.
        """
        if not (os.environ.get("TAP_EXACTONLINE_LOGLEVEL") or os.environ.get("LOGLEVEL")):
            logging.getLogger().setLevel(logging.WARNING)
        from tap_exactonline.exact.auth.signals import hold_signals

        interrupts.restore()
        try:
            with hold_signals():  # a login or a renewal that another thread is saving
                return super().invoke(ctx)
        except ExactError as exc:
            raise click.ClickException(str(exc)) from exc
        except KeyboardInterrupt:
            click.echo(err=True)  # a terminal has written ^C
            sys.exit(interrupts.EXIT_BASE + signal.SIGINT)


class JsonFile(click.File):
    """A file that must hold a JSON object."""

    def __init__(self) -> None:
        super().__init__(encoding="utf-8-sig")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> IO[Any]:
        """Read it now, so that a broken one is told before anything else happens."""
        option = f"--{param.name}" if param else "file"
        with super().convert(value, param, ctx) as file:
            text = read_text(file, option, str(value))
        if option == "--catalog":
            text = prune(text)
        parse_object(text, option, str(value))
        return io.StringIO(text)


def read_config(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> _ConfigInput:  # noqa: ARG001
    """The ``--config`` options: files, later ones win, and ENV.

    Raises:
        SettingsError: A file can't be used.
    """
    merged = _ConfigInput(parse_env=ENVIRONMENT in value)
    for path in value:
        if path != ENVIRONMENT:
            merged.config |= read_object(path, "--config")
    return merged


def build(command: click.Command, run: Callable[..., Any]) -> TapGroup:
    """Put the commands beside the SDK's.

    Args:
        command: What the SDK made; its options are kept.
        run: Runs the tap with these options.
    """

    def without_command(**options: Any) -> None:
        if click.get_current_context().invoked_subcommand is None:
            run(**options)

    for option in command.params:
        if option.name == "config":
            option.callback = read_config
        elif option.name in ("catalog", "state"):
            option.type = JsonFile()
    group = TapGroup(
        name=command.name,
        callback=without_command,
        params=command.params,
        help=HELP,
        context_settings=command.context_settings,
        invoke_without_command=True,
        logger=logging.getLogger(command.name),
    )
    for one in (login, web, connections, divisions, check, drift, reset, logout):
        group.add_command(one)
    return group


# -- the commands ----------------------------------------------------------------------------------


def settings_of(ctx: click.Context, own: _ConfigInput) -> dict[str, Any]:
    """The settings of a command: those given before its name and those given after it; without any, the environment's."""
    before = ctx.find_root().params.get("config") or _ConfigInput()
    merged = {**before.config, **own.config}
    given = {one.get_parameter_source("config") for one in (ctx, ctx.find_root())}
    if before.parse_env or own.parse_env or ParameterSource.COMMANDLINE not in given:
        merged |= environment_settings(SCHEMA)
    for remark in (*unknown_settings(merged), *unknown_variables(os.environ)):
        click.echo(f"Warning: {remark}", err=True)
    return merged


def with_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``--config`` of a command."""
    return click.option(
        "--config",
        multiple=True,
        callback=read_config,
        help="Settings: a JSON file, or ENV for the variables TAP_EXACTONLINE_…, which also count if nothing is given. "
        "May stand before the command, too.",
    )(function)


as_json = click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For a person, or for a program.",
)


@click.command(cls=PlainCommand)
@with_settings
@click.option("--redirect-uri", help="The redirect address exactly as the app is registered with it.")
@click.option("--no-browser", is_flag=True, help="Only print the address; do not open it.")
@click.option(
    "--web", "by_web", is_flag=True, help="Do it in the browser, on a page that this program serves."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="With --web: a fixed port, for a tunnel."
)
@click.option("--replace", is_flag=True, help="Let it replace the login of another user, without asking.")
@click.pass_context
def login(  # noqa: PLR0917 - click gives its options by name
    ctx: click.Context,
    config: _ConfigInput,
    redirect_uri: str | None,
    no_browser: bool,
    by_web: bool,
    port: int,
    replace: bool,
) -> None:
    """Log in at Exact Online and keep the login.

    Opens Exact's login page. After you allow access, paste the address you land on (or only the code in it). Over a
    pipe, that line is read from standard input.
    """
    raw = settings_of(ctx, config)
    if redirect_uri:
        raw["redirect_uri"] = redirect_uri
    if by_web:
        from tap_exactonline.login.web.wizard import log_in_by_page

        log_in_by_page(raw, port=port, browser=not no_browser, replace_user=replace)
    else:
        from tap_exactonline.login.terminal import log_in

        log_in(raw, browser=not no_browser, replace_user=replace)


@click.command(cls=PlainCommand)
@with_settings
@click.option("--no-browser", is_flag=True, help="Only print the address; do not open it.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="A fixed port, for a tunnel.")
@click.pass_context
def web(ctx: click.Context, config: _ConfigInput, no_browser: bool, port: int) -> None:
    """Look after the connections in the browser.

    Serves a page to this computer alone: all connections, what their last runs brought, and what is wrong.
    """
    from tap_exactonline.login.web.board import serve_board

    serve_board(settings_of(ctx, config), port=port, browser=not no_browser)


@click.command(cls=PlainCommand)
@with_settings
@click.argument(
    "action", type=click.Choice(["list", "choose", "pause", "resume", "rename", "remove"]), default="list"
)
@click.argument("names", nargs=-1)
@click.option("--yes", is_flag=True, help="With remove: do not ask.")
@as_json
@click.pass_context
def connections(  # noqa: PLR0917 - likewise
    ctx: click.Context, config: _ConfigInput, action: str, names: tuple[str, ...], yes: bool, style: str
) -> None:
    """List and look after the logins in the token store, one for each customer.

    list: whose they are, what they read, when the login ends, what the last run brought. choose NAME 101 102: the
    administrations that runs read; choose NAME all: every one, also those to come. pause NAME: runs read nothing and end
    well. resume NAME. rename OLD NEW. remove NAME: forget the login.
    """
    from tap_exactonline.commands.connections import act, show

    if action == "list":
        show(settings_of(ctx, config), style)
    else:
        act(settings_of(ctx, config), action, names, sure=yes)


@click.command(cls=PlainCommand)
@with_settings
@as_json
@click.pass_context
def divisions(ctx: click.Context, config: _ConfigInput, style: str) -> None:
    """List the administrations, and which of them are read."""
    from tap_exactonline.commands.division_list import show

    show(settings_of(ctx, config), style)


@click.command(cls=PlainCommand)
@with_settings
@click.option(
    "--catalog", type=JsonFile(), help="Which streams; without it, the default (or Meltano's) selection."
)
@click.option("--state", type=JsonFile(), help="What was read before, for the estimate of calls.")
@click.option(
    "--all", "everything", is_flag=True, help="Ask every administration about every stream, however long."
)
@click.option(
    "--quick", is_flag=True, help="Store, login and list of administrations only: one or two calls."
)
@as_json
@click.pass_context
def check(  # noqa: PLR0917 - likewise
    ctx: click.Context,
    config: _ConfigInput,
    catalog: IO[str] | None,
    state: IO[str] | None,
    everything: bool,
    quick: bool,
    style: str,
) -> None:
    """Tell whether a run would succeed, and what to do if not.

    Exit code 1 if a run would fail.
    """
    from tap_exactonline.commands.check import show

    before = ctx.find_root().params
    good = show(
        settings_of(ctx, config),
        catalog=catalog or before.get("catalog"),
        state=state or before.get("state"),
        everything=everything,
        quick=quick,
        style=style,
    )
    ctx.exit(0 if good else 1)


@click.command(cls=PlainCommand)
@with_settings
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def logout(ctx: click.Context, config: _ConfigInput, yes: bool) -> None:
    """Forget the stored login."""
    from tap_exactonline.commands.logout import forget

    forget(settings_of(ctx, config), sure=yes)


@click.command(cls=PlainCommand)
@with_settings
@click.option(
    "--service", "services", multiple=True, help="Only this one, such as crm or sync/CRM; repeatable."
)
@as_json
@click.pass_context
def drift(ctx: click.Context, config: _ConfigInput, services: tuple[str, ...], style: str) -> None:
    """Tell what has changed at Exact since this version was made.

    Reads $metadata of every service: one call each. Exit code 1 on a difference.
    """
    from tap_exactonline.commands.drift import show

    ctx.exit(0 if show(settings_of(ctx, config), services, style) else 1)


@click.command(cls=PlainCommand)
@with_settings
@click.option(
    "--state",
    required=True,
    metavar="FILE|-",
    help="The state: a file, which is replaced, or - for standard input and output. What `meltano state get` prints is "
    "understood and keeps its form.",
)
@click.option(
    "--stream", "streams", multiple=True, help="Only this stream; repeatable. Without: all of them."
)
@click.option(
    "--division",
    "divisions",
    multiple=True,
    type=int,
    help="Only in this administration; repeatable. Without: in all of them.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would change, and write nothing.")
def reset(
    config: _ConfigInput, state: str, streams: tuple[str, ...], divisions: tuple[int, ...], dry_run: bool
) -> None:
    """Remove bookmarks from a state, so that the next run reads these tables from the beginning.

    It asks Exact nothing and needs no login.
    """
    del config  # Meltano gives it to every command
    from tap_exactonline.commands.reset import show

    show(state, streams, divisions, dry_run=dry_run)

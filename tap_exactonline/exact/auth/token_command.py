"""Access tokens from a command: for those who keep the logins elsewhere, in a broker or a vault.

The command prints ``{"access_token": "…", "expires_in": 540}``. It is started without a shell whenever a token is needed:
at first, shortly before the last one ends, and once for each token that Exact has refused. What it prints is shown to nobody.
"""

from __future__ import annotations

import copy
import math
import os
import selectors
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from tap_exactonline.exact.auth.signals import settle
from tap_exactonline.exact.auth.tokens import LIFETIME, LoginStatus, is_sendable, user_in
from tap_exactonline.exact.errors import ExactError, NotLoggedIn, SettingsError, Stopped

_TIMEOUT = 60.0
_MOST_OUTPUT = 64 * 2**10
# Seconds before its end from which on a token is not used for a new request, and the part of its life at most.
_MARGIN, _MOST_MARGIN = 30.0, 0.5
# Threads that ask after the command failed hear the same for so long.
_GIVEN_UP = 30.0
_PROMISE = 'Run the command by hand: it has to print {"access_token": "…", "expires_in": 540} and end with 0'


class _Output(msgspec.Struct):
    access_token: str
    expires_in: float = LIFETIME


class CommandCredentials:
    """Gives out the access tokens of a command. Safe to use from many threads.

    Args:
        command: As in a shell, but without one: words, quotation marks.
        stop: When set, waiting for the command ends with `Stopped`.
        clock: Seconds that never jump.
        timeout: Seconds that the command may take.

    Attributes:
        owner: ``Me.UserID`` of the user whose token it is; "" as long as nobody has asked.

    Raises:
        SettingsError: The command can't be taken apart into words.
    """

    def __init__(
        self,
        command: str,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = _TIMEOUT,
    ) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError:
            self._words = []
        if not self._words:
            raise SettingsError(
                "access_token_command", "this is not a command", "Write it as in a shell, with its arguments"
            )
        self._stop = stop
        self._clock = clock
        self._timeout = timeout
        self._mutex = threading.Lock()
        self._token = ""
        self._until = -math.inf
        self._refused = ""
        self._given_again = ""
        self._failed: tuple[float, ExactError] | None = None
        self.owner = ""

    def __repr__(self) -> str:
        """Without the command, which may hold a secret."""
        return "CommandCredentials()"

    def access_token(self) -> str:
        """An access token for a request that starts now.

        Raises:
            NotLoggedIn: The command gives none.
            Stopped: The run was asked to stop.
        """
        with self._mutex:
            if self._token and self._token != self._refused and self._clock() < self._until:
                return self._token
            if self._failed and self._clock() < self._failed[0]:
                raise copy.copy(self._failed[1])
            try:
                self._take(self._run())
            except NotLoggedIn as error:
                self._failed = self._clock() + _GIVEN_UP, error
                raise
            return self._token

    def reject(self, access_token: str) -> None:
        """Exact answered 401 to this token: the command is asked once more.

        If it gives the same one again, the 401 was about something else.
        """
        if access_token == self._token and access_token != self._given_again:
            self._refused = access_token

    def bind(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take in the rows of ``current/Me``."""
        user = user_in(rows)
        self.owner = user.id if user else self.owner

    def status(self) -> LoginStatus:
        """What is known of the login: that it is kept elsewhere."""
        return LoginStatus("access_token", "the command of access_token_command")

    @staticmethod
    def settle() -> bool:
        """Nothing has to be saved."""
        return settle()

    def _take(self, output: _Output) -> None:
        if output.access_token == self._refused:
            self._given_again = output.access_token
        left = output.expires_in
        self._token, self._refused, self._failed = output.access_token, "", None
        self._until = self._clock() + left - min(_MARGIN, _MOST_MARGIN * left)

    def _run(self) -> _Output:
        try:
            # A session of its own: Ctrl-C and the end of a run that takes too long reach all that it started.
            process = subprocess.Popen(  # noqa: S603 - the user's own command, without a shell
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
            raise _failure(f"can't be started: {reason}") from None
        with process:
            try:
                body = self._read(process)
                code = process.wait(timeout=max(0.1, self._timeout))
            except subprocess.TimeoutExpired:
                raise _failure(f"was not done after {self._timeout:.0f} s") from None
            finally:
                _end(process)
        if code:
            raise _failure(f"ended with exit code {code}")
        return _understood(body)

    def _read(self, process: subprocess.Popen[bytes]) -> bytes:
        """All that the command prints, within bounds."""
        assert process.stdout is not None  # noqa: S101 - asked for above
        deadline = self._clock() + self._timeout
        body = b""
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            while self._clock() < deadline:
                if self._stop.is_set():
                    raise Stopped("The run was asked to stop while it waited for access_token_command")
                if not ready.select(0.2):
                    continue
                part = os.read(process.stdout.fileno(), _MOST_OUTPUT)
                body += part
                if not part:
                    return body
                if len(body) > _MOST_OUTPUT:
                    raise _failure("printed more than a token")
        raise subprocess.TimeoutExpired("", self._timeout)


def _understood(body: bytes) -> _Output:
    try:
        output = msgspec.json.decode(body, type=_Output, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _failure("printed something else than a token") from None
    output.access_token = output.access_token.strip()
    if not output.access_token or not is_sendable(output.access_token):
        raise _failure("printed an access token that no header may have")
    if not 0 < output.expires_in < math.inf:
        raise _failure("printed an access token that has ended already")
    return output


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the command and of what it started."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except OSError:
            process.kill()


def _failure(what: str) -> NotLoggedIn:
    return NotLoggedIn(f"The command of access_token_command {what}", _PROMISE)

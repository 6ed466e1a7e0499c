"""One refresh under the store's lock: note the attempt, ask Exact, save what came of it.

What an answer means for the record is decided in ``renewal``; waiting for the next try is done by
``credentials.Credentials``, without the lock. Only a token that can't be saved is kept under it, see `Rescue`.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tap_exactonline.exact.auth.grants import GrantOutcome, TokenAnswer
from tap_exactonline.exact.auth.renewal import (
    Refusal,
    Renewal,
    RetryLater,
    after_failure,
    granted,
    later_error,
)
from tap_exactonline.exact.auth.tokens import Tokens
from tap_exactonline.exact.errors import ExactError, TokenStoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_exactonline.exact.auth.store import LockedStore
    from tap_exactonline.exact.clock import ServerClock

log = logging.getLogger("tap-exactonline.tokens")

_SAVE_TRIES = 4


def refresh(
    held: LockedStore, renewal: Renewal, post: Callable[[str], TokenAnswer], clock: ServerClock, mark: str
) -> Tokens | RetryLater:
    """Spend the refresh token of a renewal and record the outcome.

    Args:
        held: The locked store, just loaded.
        renewal: What to spend.
        post: Sends the token request.
        clock: Exact's time, as far as it is known.
        mark: Who is at it.

    Returns:
        The new tokens, saved; or when to try again.

    Raises:
        LoginError: Exact refused for good.
        TokenStoreError: Before anything was sent, the store could not be written. (`Unsaved`: afterwards.)
        NotExactOnline, SettingsError: The address is not Exact's, or can't be reached so.
    """
    spend = renewal.spend_print
    noted = replace(renewal.base, attempted_at=clock.now(), attempt_of=spend, attempted_by=mark)
    marked = held.save(noted, if_unchanged=True)
    if marked.attempted_by != mark:  # another process was here although we hold the lock: look again
        return RetryLater(
            0.0, spend, TokenStoreError("The token store changes under the lock", "Check 'token_store'")
        )
    try:
        held.prepare()
    except TokenStoreError:
        with contextlib.suppress(TokenStoreError):
            held.save(_as_before(marked, renewal))
        raise
    answer = post(renewal.spend)
    if answer.outcome is GrantOutcome.GRANTED:
        return save_granted(held, granted(renewal, answer, clock.latest()), spend)
    record = after_failure(renewal, marked, answer, clock.now())
    if isinstance(record, Refusal):
        return _give_up(held, renewal, marked, answer, record)
    with contextlib.suppress(TokenStoreError):  # the next save will tell; nothing is lost without this note
        held.save(record)
    early = answer.outcome is GrantOutcome.TOO_EARLY
    own = early and not renewal.lost and (not renewal.is_seed or renewal.stored is None)
    return RetryLater(
        record.not_before, spend, later_error(answer, renewal), early, record.access_token if own else ""
    )


class Unsaved(Exception):
    """Exact's answer came and could not be saved. The tokens are not to be used before they are.

    Attributes:
        tokens: From the answer.
        replaces: Fingerprint of the refresh token that stood in the store before; "" if there was none.
        error: Why they could not be saved.
    """

    def __init__(self, tokens: Tokens, replaces: str, error: Exception) -> None:
        super().__init__("new tokens could not be saved")
        self.tokens = tokens
        self.replaces = replaces
        self.error = error

    def trouble(self) -> TokenStoreError:
        """What to tell if they can't be saved in a reasonable time."""
        if isinstance(self.error, ExactError):
            what, remedy = self.error.what, self.error.remedy
        else:
            what, remedy = f"Internal error {type(self.error).__name__}", "Report this line"
        return TokenStoreError(
            f"Exact Online's new tokens could not be saved. {what}",
            f"{remedy}. The new tokens were not used, so the stored ones may still work if you start the run again soon",
        )


class Rescue:
    """Keeps what Exact granted and could not be saved; as long as it is kept, no token is given out.

    Args:
        pause: Waits that many seconds.
    """

    def __init__(self, pause: Callable[[float], object]) -> None:
        self._pause = pause
        self.unsaved: Unsaved | None = None

    def keep(self, held: LockedStore, unsaved: Unsaved) -> Tokens:
        """Try again to save it. If that fails, the next call for a token begins with it.

        Raises:
            TokenStoreError: It could not be saved.
        """
        self.unsaved = unsaved
        for attempt in range(_SAVE_TRIES):
            self._pause(0.5 * 2**attempt)
            with contextlib.suppress(TokenStoreError):
                return self._save(held, unsaved)
        raise unsaved.trouble()

    def save(self, held: LockedStore, stored: Tokens | None) -> Tokens | None:
        """Save what an earlier call could not save, unless the store has moved on by itself; returns what it holds now.

        Raises:
            TokenStoreError: It could not be saved.
        """
        unsaved = self.unsaved
        if unsaved is None:
            return stored
        if stored is None or unsaved.replaces in {stored.attempt_of, stored.chain}:
            return self._save(held, unsaved)
        self.unsaved = None
        return stored

    def _save(self, held: LockedStore, unsaved: Unsaved) -> Tokens:
        try:
            saved = save_granted(held, unsaved.tokens, unsaved.replaces)
        except Unsaved as again:
            raise again.trouble() from None
        self.unsaved = None
        return saved


def save_granted(held: LockedStore, tokens: Tokens, replaces: str) -> Tokens:
    """Save what Exact has just granted; nothing else in the world has these tokens.

    Raises:
        Unsaved: It did not succeed, for whatever reason.
    """
    try:
        return held.save(tokens)
    except Exception as error:  # noqa: BLE001 - also a fault of ours must not cost the login
        raise Unsaved(tokens, replaces, error) from None


def _give_up(
    held: LockedStore, renewal: Renewal, marked: Tokens, answer: TokenAnswer, error: Refusal
) -> RetryLater:
    """Put the record back; fall back to the stored login if it was the configured token that failed."""
    falls_back = (
        renewal.is_seed
        and renewal.stored is not None
        and bool(renewal.stored.refresh_token)
        and answer.outcome in {GrantOutcome.SUPERSEDED, GrantOutcome.EXPIRED, GrantOutcome.REFUSED}
    )
    record = _as_before(marked, renewal)
    if falls_back:
        record = record.with_old_seeds(renewal.spend_print)
    with contextlib.suppress(TokenStoreError):
        record = held.save(record)
    if not falls_back:
        raise error
    log.warning("%s. The login in the token store is used instead", error.what)
    return RetryLater(0.0, renewal.spend_print, error)


def _as_before(marked: Tokens, renewal: Renewal) -> Tokens:
    """The record without the note of this attempt.

    An earlier one whose answer was lost stays on record: the next run should give the same explanation.
    """
    return replace(
        marked, attempted_at=renewal.base.attempted_at, attempt_of=renewal.base.attempt_of, attempted_by=""
    )

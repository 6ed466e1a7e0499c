"""The login of one app and user: when to use a token, when to renew it, and when to wait.

Exact hands out an access token for 600 s together with a refresh token that is good for one renewal. A new one
may be asked for after 570 s (Exact, API limits). So a token is used until then and renewed in the next call that
needs one. The order never changes: lock the store, read it again, still good? use it; else note the attempt,
ask, save, unlock, use.
"""

from __future__ import annotations

import copy
import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tap_exactonline.exact.auth.current import CurrentToken
from tap_exactonline.exact.auth.dead_logins import DeadLogins
from tap_exactonline.exact.auth.grants import GrantOutcome, TokenAnswer, TokenEndpoint
from tap_exactonline.exact.auth.owner import LoginOwner, other_user, same_login
from tap_exactonline.exact.auth.refresh import Rescue, Unsaved, refresh, save_granted
from tap_exactonline.exact.auth.renewal import LOGIN, Renewal, RetryLater, choose_renewal, logged_in
from tap_exactonline.exact.auth.signals import SETTLE_TIMEOUT, settle, unbroken
from tap_exactonline.exact.auth.store import LOCK_TIMEOUT, LockedStore, TokenStore
from tap_exactonline.exact.auth.store.holder import is_gone, new_mark
from tap_exactonline.exact.auth.tokens import (
    About,
    LoginStatus,
    Tokens,
    User,
    check_secret,
    clean_token,
    fingerprint,
    is_sendable,
    status_of,
    user_in,
)
from tap_exactonline.exact.clock import DAY, ServerClock, local_time
from tap_exactonline.exact.errors import (
    ExactError,
    LoginError,
    NotExactOnline,
    NotLoggedIn,
    SettingsError,
    Stopped,
)
from tap_exactonline.exact.urls import check_api_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tap_exactonline.exact.notes import Notes

log = logging.getLogger("tap-exactonline.tokens")

_PATIENCE = 120.0
_EARLY_PATIENCE = 690.0
# A wait is made of naps, since meanwhile another process may get a token or a person may log in.
_NAP = 5.0
# Threads that ask after one of them gave up hear the same for so long, without a new wait.
_GIVEN_UP = 30.0
# Clocks that are wrong by more than a day are not told by Exact's, but by a proxy's or a test's.
_MOST_SKEW = DAY


class Credentials:
    """Gives out access tokens that are valid now. One per process; safe to use from many threads.

    Args:
        api_url: Address of Exact's country.
        client_id: Of the app.
        client_secret: Of the app.
        store: Where the tokens are kept.
        refresh_token: Configured seed; wins over the store if the store has not seen it before.
        access_token: Configured; used alone until Exact refuses it.
        user_agent: Name and version of the program.
        stop: When set, waiting ends with `Stopped`.
        clock: Local time, epoch seconds. What is stored is Exact's time, as far as it is known.
        sleep: Waits that many seconds; default: waits for ``stop``.
        token_timeout: Seconds to wait for a token at most; default: minutes, as long as a run may well wait.
        notes: Where it is remembered what Exact refused, a login for good or calls; by default, only in this process.

    Raises:
        SettingsError: ``api_url`` is not one that a secret may be sent to, or a secret can't be one.
    """

    def __init__(
        self,
        *,
        api_url: str,
        client_id: str,
        client_secret: str,
        store: TokenStore,
        refresh_token: str | None = None,
        access_token: str | None = None,
        user_agent: str,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
        token_timeout: float | None = None,
        notes: Notes | None = None,
    ) -> None:
        self._clock = ServerClock(clock, most=_MOST_SKEW)
        self._seed = clean_token(refresh_token)
        self._given = clean_token(access_token)
        check_secret("client_secret", client_secret)
        check_secret("refresh_token", self._seed)
        check_secret("access_token", self._given)
        self._endpoint = TokenEndpoint(
            check_api_url(api_url), client_id, client_secret, user_agent, clock=self._clock, notes=notes
        )
        self._store = store
        self._dead = DeadLogins(notes, client_id, client_secret, self._clock.now)
        self._stop = stop or threading.Event()
        self._sleep = sleep or self._stop.wait
        # Being asked to stop does not shorten the time in which tokens are saved.
        self._rescue = Rescue(sleep or time.sleep)
        self._token_timeout = token_timeout
        self._mutex = threading.Lock()
        self._current = CurrentToken(self._clock)
        self._seed_failed = False
        self._asked_time = False
        self._mark = new_mark()
        self._watched: tuple[tuple[str, float], float] | None = None
        self._failed: tuple[str, float, ExactError] | None = None
        self._owner = LoginOwner(fingerprint(self._seed))
        self.token_calls = 0

    def __repr__(self) -> str:
        """No secrets."""
        return f"Credentials({self._store.describe()})"

    def access_token(self) -> str:
        """An access token that may be used for a request that starts now.

        Renews it when due, waits where Exact demands it.

        Raises:
            LoginError: A person has to act.
            TokenStoreError: The store can't be used.
            TemporaryError: Exact or the network gave no token in a reasonable time.
            NotExactOnline: The token that came can't be sent, or the address is not Exact's.
            Stopped: The run was asked to stop and the token would have to be renewed.
        """
        current = self._current.tokens
        if current is None or not self._current.is_fresh(current):
            with self._mutex:
                current = self._obtain()
        if not is_sendable(current.access_token):
            raise NotExactOnline(
                "Exact Online's token service gave an access token with characters that no header may have",
                "The login itself is kept: run again in ten minutes. If this lasts, look for what changes the answers "
                "between this machine and Exact Online",
            )
        return current.access_token

    def reject(self, access_token: str) -> None:
        """Report that Exact answered 401 to this token.

        The next ``access_token()`` asks for a new one, at most once for each token: if Exact then says that the
        token has not expired, it is given out again, and the 401 was about something else.
        """
        self._current.reject(access_token)

    def exchange_code(self, code: str, redirect_uri: str) -> Tokens:
        """Finish a login: trade the authorization code for tokens and save them.

        Args:
            code: As it stands in the address bar, decoded once.
            redirect_uri: The one of the authorize URL.

        Raises:
            LoginError: The code or the app was refused.
            TokenStoreError: Nothing was asked, because the result could not be saved; or it could not be saved.
            TemporaryError: No answer.
        """
        with self._mutex, self._store.lock(LOCK_TIMEOUT, cancelled=self._stop.is_set) as held, unbroken():
            standing = held.load()
            held.prepare()
            answer = self._exchange(code, redirect_uri)
            tokens = logged_in(answer, standing, fingerprint(self._seed), self._clock.latest())
            try:
                saved = save_granted(held, tokens, standing.chain if standing else "")
            except Unsaved as unsaved:
                saved = self._rescue.keep(held, unsaved)
            self._failed = self._rescue.unsaved = None
            if saved.before is not None:
                saved = self._owner.decide(held, saved, self._endpoint.whose(saved.access_token))
                if self._owner.declined:
                    raise other_user(saved.about, self._owner.declined[1])
            self._owner.forget()
            return self._current.take_up(saved)

    def take_over(self) -> Tokens:
        """Let the login that `exchange_code` declined, as another user's, replace the one that was kept.

        Raises:
            TokenStoreError: It could not be saved; the one from before stands.
        """
        if self._owner.declined is None:
            raise NotLoggedIn("There is no login to take over", LOGIN)
        tokens, user = self._owner.declined
        about = About(user=user.id, user_name=user.name, made_at=self._clock.now())
        with self._mutex, self._store.lock(LOCK_TIMEOUT, cancelled=self._stop.is_set) as held, unbroken():
            held.load()
            saved = held.save(replace(tokens, about=about, before=None))
            self._owner.declined = None
            self._owner.forget()
            return self._current.take_up(saved)

    @property
    def owner(self) -> str:
        """``Me.UserID`` of the user that the stored login belongs to; "" if there is none, or nobody knows."""
        if self._owner.id:
            return self._owner.id
        stored = self._store.load()
        return stored.standing().about.user if stored else ""

    def bind(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take in the rows of ``current/Me``: from now on the login belongs to that user.

        Args:
            rows: As Exact gave them to the access token that is in use.

        Raises:
            OtherUser: It belongs to another one.
            TokenStoreError: The store can't be used.
        """
        user, current = user_in(rows), self._current.tokens
        if user is None or current is None or self._owner.id == user.id:
            return
        with self._mutex:
            stored = self._store.load()
            if stored is not None and not stored.about.user and same_login(stored, current):
                stored = self._write_owner(user, current)
            if stored is not None and stored.standing().about.user not in {"", user.id}:
                raise other_user(stored.standing().about, user)
            self._owner.take_up(user.id, current.logged_in_at)

    def _write_owner(self, user: User, current: Tokens) -> Tokens | None:
        with self._store.lock(LOCK_TIMEOUT, cancelled=self._stop.is_set) as held:
            stored = held.load()
            if stored is None or stored.about.user or not same_login(stored, current):
                return stored
            made = stored.about.made_at or stored.logged_in_at
            about = replace(stored.about, user=user.id, user_name=user.name, made_at=made)
            return held.save(replace(stored, about=about))

    def status(self) -> LoginStatus:
        """What is known of the login, without asking Exact."""
        stored = self._store.load()
        return status_of(
            stored,
            self._store.describe(),
            seed_counts=self._seed_counts(stored),
            given=self._given is not None,
        )

    @staticmethod
    def settle(timeout: float = SETTLE_TIMEOUT) -> bool:
        """Wait until no renewal is under way; call it before the process ends. False: not within ``timeout`` s."""
        return settle(timeout)

    # -- under the mutex -------------------------------------------------------------------------

    def _obtain(self) -> Tokens:
        waited = told = 0.0
        error: ExactError | None = None
        while True:
            stored = self._store.load(LOCK_TIMEOUT, cancelled=self._stop.is_set)
            if (tokens := self._good(stored)) is not None:
                return self._current.take_up(tokens)
            if self._stop.is_set():
                raise Stopped("The run was asked to stop before the login was renewed")
            if self._asks_time(stored):
                continue
            outcome = self._step()
            if isinstance(outcome, Tokens):
                return self._current.take_up(outcome)
            now = self._clock.now()
            if outcome is None or outcome.until <= now:
                continue
            if error is None or outcome.asked:
                error = outcome.error
            patience = _EARLY_PATIENCE if outcome.early else _PATIENCE
            if waited >= (patience if self._token_timeout is None else self._token_timeout):
                self._failed = (outcome.spend, now + _GIVEN_UP, error)
                raise error
            nap = min(outcome.until - now, _NAP, self._token_timeout or _NAP)
            if outcome.until != told:  # each try that failed, by this process or another, once
                told = outcome.until
                again = local_time(self._clock.local() + outcome.until - now, "%H:%M:%S")
                log.warning(
                    "%s. Trying again at %s, in %.0f s", error.what.rstrip(". "), again, outcome.until - now
                )
            self._sleep(nap)
            waited += nap

    def _asks_time(self, stored: Tokens | None) -> bool:
        """Whether the local clock could be wrong about this token, and Exact was asked for the time.

        A token that looks a little too old may have been stored by a machine whose clock is behind ours. Exact refuses
        to replace it before it is 570 s old, and counts that as an error.
        """
        if self._clock.known or self._asked_time or stored is None or not self._current.is_doubtful(stored):
            return False
        self._asked_time = True
        self._endpoint.ask_time()
        return self._clock.known

    def _step(self) -> Tokens | RetryLater | None:
        """One look at the store under its lock, and at most one token request; None to look again at once."""
        with self._store.lock(LOCK_TIMEOUT, cancelled=self._stop.is_set) as held:
            stored = self._rescue.save(held, held.load())
            if stored is not None and stored.before is not None and self._current.is_usable(stored):
                stored = self._owner.decide(held, stored, self._endpoint.whose(stored.access_token))
            if (tokens := self._good(stored)) is not None:
                return tokens
            renewal = choose_renewal(stored, self._seed, self._given, seed_counts=self._seed_counts(stored))
            known = self._failed
            if known and known[0] == renewal.spend_print and self._clock.now() < known[1]:
                raise copy.copy(known[2])  # many threads ask; one answer is enough for all of them
            self._dead.check(renewal.spend_print)
            later = renewal.postponed(self._clock.now())
            if later is None and not held.certain:
                later = self._under_way(renewal)
            if later is None:
                with unbroken():
                    outcome = self._refresh(held, renewal)
                if isinstance(outcome, Tokens) and outcome.before is not None:
                    return None  # whose it is, is asked in the next step
                if isinstance(outcome, Tokens):
                    log.info("The login was renewed; its access token is good for %.0f s", outcome.expires_in)
                    return outcome
                later = outcome
                self._seed_failed |= renewal.is_seed and isinstance(outcome.error, LoginError)
            if later.confirmed_valid:
                log.info("Exact Online says that the access token has not expired yet: it is used on")
                self._current.confirm_valid(later.confirmed_valid)
            standing = held.load()
            usable = standing and standing.before is None and self._current.is_usable(standing)
            return standing if standing and usable else later

    def _under_way(self, renewal: Renewal) -> RetryLater | None:
        """Whether somebody who has lost the lock may still be waiting for Exact's answer to this renewal."""
        by = renewal.base.attempted_by
        if not by or by == self._mark or renewal.base.attempt_of != renewal.spend_print or is_gone(by):
            return None
        now = self._clock.now()
        attempt = (by, renewal.base.attempted_at)
        if self._watched is None or self._watched[0] != attempt:
            self._watched = (attempt, now)
        return renewal.under_way(now, now - self._watched[1])

    def _refresh(self, held: LockedStore, renewal: Renewal) -> Tokens | RetryLater:
        try:
            return refresh(held, renewal, self._post, self._clock, self._mark)
        except (LoginError, NotExactOnline, SettingsError) as error:
            if isinstance(error, LoginError) and renewal.base.before is not None and not renewal.is_seed:
                held.save(renewal.base.before.with_old_seeds(renewal.base.seed))
                return RetryLater(0.0, renewal.spend_print, error)
            self._failed = (renewal.spend_print, math.inf, error)
            self._dead.note(renewal.spend_print, error, self._current.rejected)
            raise
        except Unsaved as unsaved:
            return self._rescue.keep(held, unsaved)

    def _good(self, stored: Tokens | None) -> Tokens | None:
        """The token to use without asking anybody, if there is one."""
        if self._rescue.unsaved is not None:
            return None
        if stored is None:
            alone = self._given is not None and not self._seed and self._given != self._current.rejected
            return Tokens(access_token=self._given or "", expires_in=math.inf) if alone else None
        self._owner.check(stored)
        if self._seed_counts(stored) or stored.before is not None:
            return None
        return stored if self._current.is_good(stored) and not self._dead.knows(stored) else None

    def _seed_counts(self, stored: Tokens | None) -> bool:
        if not self._seed or self._seed_failed:
            return False
        return stored is None or not stored.knows_seed(fingerprint(self._seed))

    def _exchange(self, code: str, redirect_uri: str) -> TokenAnswer:
        answer = TokenAnswer(GrantOutcome.NOT_SENT)
        for _ in range(2):  # a code works once; that an unanswered request did not use it up is worth a try
            self.token_calls += 1
            answer = self._endpoint.exchange(code, redirect_uri)
            if answer.outcome not in {GrantOutcome.NOT_SENT, GrantOutcome.UNCERTAIN}:
                break
            self._sleep(1.0)
        return answer

    def _post(self, refresh_token: str) -> TokenAnswer:
        self.token_calls += 1
        return self._endpoint.refresh(refresh_token)

"""What an answer of the token endpoint does to the stored login. Pure functions: no clock, no network, no store."""

from __future__ import annotations

from typing import TypedDict

import msgspec
from msgspec.structs import replace

from tap_exactonline.exact.auth.grants import GrantOutcome, TokenAnswer
from tap_exactonline.exact.auth.tokens import LIFETIME, About, Tokens, fingerprint
from tap_exactonline.exact.clock import local_time
from tap_exactonline.exact.error_budget import COUNTED_ERRORS
from tap_exactonline.exact.errors import (
    AppRefused,
    BrokenAnswer,
    ExactError,
    LoginError,
    LoginExpired,
    LoginSuperseded,
    NotExactOnline,
    NotLoggedIn,
    ServerFault,
    SettingsError,
    TemporaryError,
    Unreachable,
)

#: Part of its life after which a token may be renewed: 570 of 600 s (Exact, API limits).
RENEW_AFTER = 0.95
#: Seconds after which nobody can still be waiting for the answer to a renewal, or saving it: above the 40 s that a
#: token request may take at most.
LONGEST_RENEWAL = 55.0
#: Part of its life up to which a request may still start with it.
USABLE_UNTIL = 0.99
LOGIN = "Run 'tap-exactonline login'"
_BACKOFF = (1.0, 4.0, 10.0, 20.0, 40.0)
# After answers that Exact counts as errors, of which ten an hour block the key: four an hour, all runs together.
_COUNTED_BACKOFF = (10.0, 60.0, 1800.0)
# Together 570 s: after these, whatever was issued before the first "too early" is old enough. Few, since Exact may
# count each as an error.
_EARLY_BACKOFF = (15.0, 60.0, 150.0, 345.0)
_EARLY_STEP = 10.0
# A longer one means that the clock was set back since it was written.
_LONGEST_WAIT = 1900.0
_MOST_SKEW = 300.0
Refusal = LoginError | NotExactOnline | SettingsError
"""A definite no: asking again does not help."""

_AGAIN = "The login itself is intact; start the run again later"


class Renewal(msgspec.Struct, frozen=True):
    """What to spend, and the record that stands meanwhile."""

    spend: str
    base: Tokens
    is_seed: bool  # the configured refresh token, on top of (or instead of) a stored login
    stored: Tokens | None

    @property
    def spend_print(self) -> str:
        """Fingerprint of the refresh token to spend."""
        return fingerprint(self.spend)

    @property
    def lost(self) -> float:
        """When an earlier attempt with this very token was begun whose outcome nobody knows; 0 if none."""
        return self.base.attempted_at if self.base.attempt_of == self.spend_print else 0.0

    def postponed(self, now: float) -> RetryLater | None:
        """Whether the store says that this token may not be tried yet."""
        base = self.base
        left = base.not_before - now
        if base.attempt_of != self.spend_print or not 0 < left <= _LONGEST_WAIT:
            return None
        error = ServerFault(f"The login can't be renewed yet: {base.trouble}", _AGAIN)
        return RetryLater(base.not_before, self.spend_print, error, early=base.early, asked=False)

    def under_way(self, now: float, watched: float) -> RetryLater | None:
        """Whether another process may still be waiting for the answer to this very renewal.

        Args:
            now: Epoch seconds.
            watched: Seconds since this process first saw that attempt.
        """
        base = self.base
        left = LONGEST_RENEWAL - watched
        # Clocks of machines differ: an attempt that has long ended by ours, and one that we have seen for long enough.
        if left <= 0 or now - base.attempted_at > LONGEST_RENEWAL + _MOST_SKEW:
            return None
        error = ServerFault("Another run is renewing the login", "Start this run again in a minute")
        return RetryLater(now + left, self.spend_print, error, asked=False)


class RetryLater(msgspec.Struct, frozen=True):
    """No new token now.

    Attributes:
        until: When to try again, epoch seconds.
        spend: Fingerprint of the refresh token that it is about.
        error: What to raise if nobody waits that long.
        early: Exact says that the access token it issued last has not expired.
        asked: This process has asked; else it only read that another one did.
        confirmed_valid: The access token that this says so about; "" if it may be another one.
    """

    until: float
    spend: str
    error: ExactError
    early: bool = False
    confirmed_valid: str = ""
    asked: bool = True


def choose_renewal(
    stored: Tokens | None, seed: str | None, given_access: str | None, *, seed_counts: bool
) -> Renewal:
    """Choose the refresh token to spend.

    Args:
        stored: The record in the store.
        seed: The configured refresh token.
        given_access: The configured access token.
        seed_counts: Whether the seed is new to the store (then it wins).

    Raises:
        NotLoggedIn: There is nothing to spend.
    """
    if seed and seed_counts:
        base = stored or Tokens(access_token=given_access or "", refresh_token=seed, seed=fingerprint(seed))
        return Renewal(seed, base, is_seed=True, stored=stored)
    if stored is None:
        if given_access:
            raise NotLoggedIn(
                "Exact Online no longer accepts the configured access_token, and there is no refresh token",
                f"Set a new 'access_token', or {LOGIN[0].lower()}{LOGIN[1:]}",
            )
        raise NotLoggedIn("There is no login to Exact Online yet", f"{LOGIN}, or set 'refresh_token'")
    if not stored.refresh_token:
        raise NotLoggedIn("The stored access token has expired, and there is no refresh token", LOGIN)
    return Renewal(stored.refresh_token, stored, is_seed=False, stored=stored)


def logged_in(answer: TokenAnswer, standing: Tokens | None, seed: str, now: float) -> Tokens:
    """The record after a person logged in.

    Args:
        answer: Of the authorization code grant.
        standing: The record that it replaces.
        seed: Fingerprint of the configured refresh token: it is older than this login.
        now: Epoch seconds.

    Raises:
        LoginError: The code or the app was refused.
        TemporaryError: No usable answer, or too early.
        NotExactOnline: The address is not Exact's.
    """
    again = "Start the login again"
    match answer.outcome:
        case GrantOutcome.GRANTED if answer.refresh_token:
            inherited = _inherited(standing, another=True)
            fresh = Tokens(
                access_token=answer.access_token,
                refresh_token=answer.refresh_token,
                obtained_at=now,
                expires_in=answer.expires_in,
                # Not begun from the configured token: whether that is another user's, this login does not say.
                seed="" if inherited["before"] else seed,
                logged_in_at=now,
                old_seeds=standing.old_seeds if standing else (),
                **inherited,
            )
            return fresh.with_old_seeds(standing.seed, seed) if standing else fresh
        case GrantOutcome.GRANTED:
            raise BrokenAnswer(
                "Exact Online's token service gave no refresh token", again, status=answer.status
            )
        case GrantOutcome.TOO_EARLY:
            what = "Exact Online gives no new access token yet: the last one for this app and user has not expired"
            raise ServerFault(what, f"{again} in ten minutes", status=answer.status)
        case GrantOutcome.NOT_SENT | GrantOutcome.UNCERTAIN | GrantOutcome.BUSY:
            kind = Unreachable if answer.status is None else ServerFault
            raise kind(f"The login could not be finished: {answer.text}", again, status=answer.status)
        case GrantOutcome.APP_REFUSED | GrantOutcome.STRANGE | GrantOutcome.UNUSABLE:
            raise refusal(Renewal("", Tokens(access_token=""), is_seed=False, stored=None), answer)
    raise NotLoggedIn(
        f"Exact Online does not accept the authorization code ({answer.text})",
        f"{again}: a code is good for three minutes and for one use, and only with the redirect address it was given for",
        status=answer.status,
    )


def granted(renewal: Renewal, answer: TokenAnswer, now: float) -> Tokens:
    """The record after a success."""
    base = renewal.base
    seed = fingerprint(renewal.spend) if renewal.is_seed else base.seed
    login_time = 0.0 if renewal.is_seed else base.logged_in_at
    fresh = Tokens(
        access_token=answer.access_token,
        refresh_token=answer.refresh_token or renewal.spend,
        obtained_at=now,
        expires_in=answer.expires_in,
        seed=seed,
        logged_in_at=login_time or now,
        version=base.version,
        old_seeds=base.old_seeds,
        **_inherited(base, another=renewal.is_seed),
    )
    return fresh.with_old_seeds(base.seed) if renewal.is_seed else fresh


class _Inherited(TypedDict):
    about: About
    before: Tokens | None


def _inherited(base: Tokens | None, *, another: bool) -> _Inherited:
    """What the record after a success takes over from the one that stands.

    Args:
        base: That one.
        another: Whether the new tokens come from another login, which may be another user's.
    """
    if base is None:
        return {"about": About(), "before": None}
    before = base.before
    if before is None and another and base.about.user:
        before = base
    return {"about": base.about, "before": before}


def after_failure(renewal: Renewal, marked: Tokens, answer: TokenAnswer, now: float) -> Tokens | Refusal:
    """The record after a failure that may pass, or the error after one that will not."""
    life = renewal.base.expires_in
    outcome = answer.outcome
    if outcome is GrantOutcome.STRANGE and renewal.stored is not None:
        # The stored login was granted at this address, so something else answers there now.
        outcome = GrantOutcome.BUSY
    match outcome:
        case GrantOutcome.UNCERTAIN:
            attempted = marked.attempted_at
            until = now + _pick(_BACKOFF, marked.tries)
        case GrantOutcome.NOT_SENT | GrantOutcome.BUSY:
            attempted = renewal.lost
            steps = _COUNTED_BACKOFF if answer.status in COUNTED_ERRORS else _BACKOFF
            until = now + max(_pick(steps, marked.tries), answer.retry_after)
        case GrantOutcome.TOO_EARLY if renewal.lost:
            # The lost answer exists: Exact issued a token then. The old refresh token may work once more when that
            # access token is 570 s old, and is said to be honoured for about ten minutes: do not miss it.
            attempted = renewal.lost
            until = max(renewal.lost + RENEW_AFTER * life + 1, now + _EARLY_STEP * life / LIFETIME)
        case GrantOutcome.TOO_EARLY:
            attempted = 0.0
            until = now + _pick(_EARLY_BACKOFF, marked.tries) * life / LIFETIME
        case _:
            return refusal(renewal, answer)
    record = replace(
        marked,
        attempted_at=attempted,
        attempt_of=marked.attempt_of,
        attempted_by="",
        not_before=until,
        tries=marked.tries + 1,
        early=outcome is GrantOutcome.TOO_EARLY,
        trouble=answer.text or outcome.value,
    )
    if answer.refresh_token and (not renewal.is_seed or renewal.stored is None):
        # Seen in the wild: a refusal that rotates the token all the same. The newest is the one to keep.
        record = replace(
            record, refresh_token=answer.refresh_token, attempt_of=fingerprint(answer.refresh_token)
        )
    return record


def refusal(renewal: Renewal, answer: TokenAnswer) -> Refusal:  # noqa: PLR0911 - a table in the form of a function
    """The error for a definite no."""
    which = "The configured refresh_token" if renewal.is_seed else "The stored login"
    status = answer.status
    if answer.error is not None:
        return answer.error
    if answer.outcome is GrantOutcome.STRANGE:
        return NotExactOnline(
            f"The address answers {status} where Exact Online's token service should be",
            "Check the settings 'country' and 'api_url'",
            status=status,
        )
    if answer.outcome is GrantOutcome.APP_REFUSED:
        return AppRefused(
            f"Exact Online does not accept the app ({answer.text})",
            "Compare 'client_id' and 'client_secret' with the app's registration, and 'country' with where it is "
            "registered",
            status=status,
        )
    if answer.outcome is GrantOutcome.EXPIRED:
        return LoginExpired(
            f"{which} was not used for 30 days and has expired ({answer.text})", LOGIN, status=status
        )
    if renewal.lost:
        return LoginSuperseded(
            f"A run that was renewing the login at {local_time(renewal.lost)} was cut off before it could save Exact Online's answer, and "
            f"the token from before it is no longer accepted ({answer.text})",
            f"{LOGIN} once; nothing else is lost",
            status=status,
        )
    if answer.outcome is GrantOutcome.SUPERSEDED:
        return LoginSuperseded(
            f"{which} was renewed by somebody else: another program or a copy of this one uses the same login, or "
            f"somebody logged in again with the same app and user ({answer.text})",
            f"{LOGIN}. Let all runs share one 'token_store' and give other programs an app of their own",
            status=status,
        )
    return NotLoggedIn(f"{which} is not accepted by Exact Online ({answer.text})", LOGIN, status=status)


def later_error(answer: TokenAnswer, renewal: Renewal) -> TemporaryError:
    """What to raise if the time is over before Exact gives a token."""
    if answer.outcome is GrantOutcome.TOO_EARLY:
        what = "Exact Online gives no new access token yet: the last one it issued has not expired"
        if renewal.lost:
            what += ", and the answer with that one was lost when a run was cut off"
        return ServerFault(what, "Start the run again in ten minutes", status=answer.status)
    if answer.outcome is GrantOutcome.NOT_SENT:
        return Unreachable(f"The login can't be renewed: {answer.text}", f"Check the network. {_AGAIN}")
    if answer.outcome is GrantOutcome.UNCERTAIN and answer.status is None:
        return Unreachable(f"The login can't be renewed: {answer.text}", _AGAIN)
    kind: type[TemporaryError]
    kind = BrokenAnswer if answer.status is not None and answer.status < 300 else ServerFault  # noqa: PLR2004 - HTTP
    return kind(f"The login can't be renewed: {answer.text}", _AGAIN, status=answer.status)


def _pick(steps: tuple[float, ...], tries: int) -> float:
    return steps[min(tries, len(steps) - 1)]

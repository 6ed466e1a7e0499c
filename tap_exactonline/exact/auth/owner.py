"""Whose a login is: one of another user never takes the place of a connection's own unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from tap_exactonline.exact.auth.tokens import About, Tokens, User
from tap_exactonline.exact.errors import OtherUser

if TYPE_CHECKING:
    from tap_exactonline.exact.auth.store import LockedStore


class LoginOwner:
    """The user for whom this process reads.

    Args:
        seed: Fingerprint of the configured refresh token; "" if there is none.

    Attributes:
        id: ``Me.UserID`` of that user; "" as long as nobody knows.
        declined: A login that was not saved because it is another user's, and that user.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._since = 0.0
        self.id = ""
        self.declined: tuple[Tokens, User] | None = None

    def take_up(self, user_id: str, since: float) -> None:
        """Read for this user, who logged in then."""
        self.id, self._since = user_id, since

    def forget(self) -> None:
        """Another login stands in the store now."""
        self.take_up("", 0.0)

    def check(self, stored: Tokens) -> None:
        """Make sure that the record is still of the user for whom this process reads.

        Raises:
            OtherUser: It is not, or the configured refresh token is another user's.
        """
        about = stored.standing().about
        for seed, name in about.foreign_seeds:
            if seed == self._seed:
                raise other_user(about, User("", name), "The configured refresh_token")
        if not self.id:
            self.take_up(about.user, stored.standing().logged_in_at)
        elif about.user != self.id and (about.user or stored.logged_in_at != self._since):
            raise OtherUser(
                "The login was replaced by another user's while this run was reading",
                "Give each customer a 'connection' of its own, then run again",
            )

    def decide(self, held: LockedStore, stored: Tokens, user: User) -> Tokens:
        """Let a new login replace the one from before only if both are of one user.

        Args:
            held: The locked store.
            stored: The record with the new login.
            user: Whose the new login is, as Exact says.

        Returns:
            The record that stands now.
        """
        standing = stored.standing()
        if user.id == standing.about.user:
            about = replace(standing.about, user_name=user.name)
            return held.save(replace(stored, about=about, before=None))
        if not stored.seed or stored.seed == standing.seed:
            self.declined = stored, user
        return held.save(stored.put_off(user.name))


def same_login(one: Tokens, other: Tokens) -> bool:
    """Whether both come from one consent, whatever was renewed since."""
    return one.before is None and one.logged_in_at == other.logged_in_at


def other_user(about: About, user: User, which: str = "This login") -> OtherUser:
    """The error for a login of another user than the one that the connection belongs to."""
    return OtherUser(
        f"{which} is of {user.name}, and the connection belongs to {about.user_name}",
        "Use another name in the setting 'connection' for each customer; to replace the user on purpose, run "
        "'tap-exactonline login --replace'",
    )

"""From the settings to a client that can ask Exact Online."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from zoneinfo import ZoneInfo

from tap_exactonline import DISTRIBUTION
from tap_exactonline.config import Config, require_app
from tap_exactonline.config.readers import ZONES
from tap_exactonline.exact.auth.credentials import Credentials
from tap_exactonline.exact.auth.store import TokenStore, list_connections, open_store, refuse_moving
from tap_exactonline.exact.auth.token_command import CommandCredentials
from tap_exactonline.exact.auth.tokens import About, fingerprint
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.contract_calls import ContractCalls
from tap_exactonline.exact.divisions import Chosen, Division, ask_me, choose, list_divisions
from tap_exactonline.exact.errors import DivisionError, ExactError, OtherUser, SettingsError
from tap_exactonline.exact.foreign_text import clean_text
from tap_exactonline.exact.notes import Notes
from tap_exactonline.exact.places import LargeAnswers
from tap_exactonline.exact.refused_fields import RefusedFields
from tap_exactonline.exact.shared_list import SharedList
from tap_exactonline.exact.transport import MEGABYTE
from tap_exactonline.exact.urls import address_of


def tap_version() -> str:
    """Version of the installed distribution."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"


@dataclass
class Connection:
    """Everything between the settings and Exact, made when it is first needed.

    Attributes:
        config: The settings.
        stop: Set to end waiting and asking.
        on_wait: Told before each waiting: division, seconds, why.
        idle: Entered while a thread only waits.
        large: Places for large answers.
        max_tries: Tries of one call when Exact or the network fails.
        token_timeout: Seconds to wait for an access token; None for as long as a run may wait.
        fallback_divisions: Administrations that were read before. If the one that the user opened last can't be asked, one of
            these is asked which there are.
        list_refusals: Fields of the list of administrations that Exact does not know.
    """

    config: Config
    stop: threading.Event
    on_wait: Callable[[int | None, float, str], None] | None = None
    idle: Callable[[], AbstractContextManager[None]] = nullcontext
    large: LargeAnswers | None = None
    max_tries: int = 6
    token_timeout: float | None = None
    fallback_divisions: set[int] = field(default_factory=set)
    list_refusals: RefusedFields = field(default_factory=RefusedFields)

    @property
    def user_agent(self) -> str:
        """Name and version, unless the settings say otherwise."""
        return self.config.user_agent or f"tap-exactonline/{tap_version()}"

    @cached_property
    def store(self) -> TokenStore:
        """Where the login is kept."""
        return open_store(
            self.config.token_store,
            client_id=self.config.client_id,
            api_url=self.config.api_url,
            passphrase=self.config.token_store_passphrase,
            connection=self.config.connection,
        )

    @property
    def has_record(self) -> bool:
        """Whether the login is kept in the token store. Tokens of a command, and one that stands alone, are not."""
        return bool(self.config.client_id) and not self.config.access_token_command

    @cached_property
    def about(self) -> About:
        """What was chosen for the connection. Taken in once: it completes the settings.

        Raises:
            SettingsError: The connection exists in several countries.
            TokenStoreError: The store can't be used.
        """
        if not self.has_record:
            return About()
        stored = self.store.load()
        if stored is None and not self.config.address_given and self._find_address():
            stored = self.store.load()
        if stored is None:
            return About()
        about = stored.standing().about
        refuse_moving(self.config.connection, about)
        if self.config.divisions is None and about.divisions is not None:
            self.config = replace(self.config, divisions=about.divisions)
        return about

    @property
    def paused(self) -> bool:
        """Whether runs read nothing. A store that can't be used does not say: the run meets the same failure, and tells it."""
        try:
            return self.about.paused
        except ExactError:
            return False

    def _find_address(self) -> bool:
        """Go to the country in which the connection is kept, if there is one."""
        config = self.config
        kept = list_connections(config.token_store, client_id=config.client_id)
        hosts = [one.host for one in kept if one.connection == config.connection]
        found = [address for address in map(address_of, hosts) if address]
        if len(found) > 1:
            raise SettingsError(
                "country", f"the connection {config.connection} exists in several countries", "Say which one"
            )
        if found:
            country, address = found[0]
            own = config.timezone.key != ZONES[config.country]
            zone = config.timezone if own else ZoneInfo(ZONES[country])
            self.config = replace(config, country=country, api_url=address, timezone=zone)
            self.__dict__.pop("store", None)
        return bool(found)

    def check_state(self, state: dict[str, Any]) -> None:
        """Make sure that a state is of this login, and mark it.

        Asks Exact only if the state has a mark and nobody knows yet whose login it is.

        Raises:
            OtherUser: It is another login's.
        """
        mark = state.get("login")
        if mark is not None and not self.credentials.owner:
            self.credentials.bind(ask_me(self.client))
        if not self.credentials.owner:
            return
        own = fingerprint(self.credentials.owner)
        if mark is not None and mark not in (own, self.config.adopt_state):  # a damaged mark may be anything
            raise OtherUser(
                f"The state is another login's (its mark is {clean_text(str(mark), most=40)}), not that of the connection "
                f"{self.config.connection}",
                "Run with this connection's own state, or with none. If another user took over the same administrations, "
                "go on with it by setting 'adopt_state' to that mark",
            )
        state["login"] = own

    @cached_property
    def notes(self) -> Notes:
        """What Exact refused lately. An access token alone, which ends in ten minutes, keeps none."""
        config = self.config
        if self.has_record:
            return self.store.notes()
        if not config.access_token_command:
            return Notes()
        # Its logins are kept elsewhere. Another command may give tokens of another app or user.
        place = open_store(
            config.token_store,
            client_id=fingerprint(config.access_token_command),
            api_url=config.api_url,
            connection=config.connection,
        )
        return place.notes()

    @cached_property
    def credentials(self) -> Credentials | CommandCredentials:
        """What gives out access tokens.

        Raises:
            SettingsError: If client id or secret is missing.
        """
        require_app(self.config)
        if self.config.access_token_command:
            return CommandCredentials(self.config.access_token_command, self.stop)
        return self.login

    @cached_property
    def login(self) -> Credentials:
        """The login in the token store."""
        return Credentials(
            api_url=self.config.api_url,
            client_id=self.config.client_id,
            client_secret=self.config.client_secret,
            store=self.store,
            refresh_token=self.config.refresh_token,
            access_token=self.config.access_token,
            user_agent=self.user_agent,
            stop=self.stop,
            token_timeout=self.token_timeout,
            notes=self.notes,
        )

    @cached_property
    def contract(self) -> ContractCalls | None:
        """The calls that the contract allows, if they are counted.

        Raises:
            SettingsError: The token store is not a database.
        """
        if self.config.contract_calls is None:
            return None
        row = self.store.shared("calls")
        if row is None:
            raise SettingsError(
                "contract_calls",
                "the calls of a contract are counted in a database",
                "Set token_store to a postgresql:// URL that all runs of the contract share, or take contract_calls out",
            )
        return ContractCalls(row, self.config.contract_calls, self._now)

    def _now(self) -> float:
        return self.client.now()  # made later: the client counts its calls

    @cached_property
    def client(self) -> ExactClient:
        """The way to Exact."""
        _ = self.about  # which completes the settings
        return ExactClient(
            api_url=self.config.api_url,
            credentials=self.credentials,
            user_agent=self.user_agent,
            reserve_calls=self.config.reserve_calls,
            before_call=self.contract.take if self.contract else None,
            max_response=self.config.max_response_mb * MEGABYTE,
            stop=self.stop,
            on_wait=self.on_wait,
            idle=self.idle,
            max_tries=self.max_tries,
            large=self.large,
            notes=self.notes,
        )

    @cached_property
    def accessible(self) -> list[Division]:
        """All administrations that the login may open. Parts of one login take the list over from each other."""
        _ = self.about  # which completes the settings
        row = self.store.shared("divisions") if self.has_record and self.config.shard.parts > 1 else None
        return (
            SharedList(row, self.stop).get(self.list_again, self.list_refusals) if row else self.list_again()
        )

    def list_again(self) -> list[Division]:
        """The same as they are now, not as they were at first."""
        client = self.client
        excluded = self.config.exclude_divisions
        # Another part may be reading in the administration that the user opened last.
        own = [code for code in sorted(self.fallback_divisions) if self.config.shard.parts > 1]
        return list_divisions(
            client,
            first=[code for code in self.config.divisions or own if code not in excluded],
            fallback=sorted(self.fallback_divisions),
            refused=self.list_refusals,
            told=self.credentials.bind,
        )

    @cached_property
    def chosen(self) -> Chosen:
        """The administrations to read, and what is wrong with others that are wanted; of this part."""
        owns = self.config.shard.owns
        everything = self.everything

        def ours(errors: Iterable[DivisionError]) -> list[DivisionError]:
            return [error for error in errors if error.division is None or owns(error.division)]

        return Chosen(
            selected=[division for division in everything.selected if owns(division.code)],
            problems=ours(everything.problems),
            closed_for_now=ours(everything.closed_for_now),
        )

    @cached_property
    def everything(self) -> Chosen:
        """The same of all parts."""
        every = self.accessible  # first: it completes the settings
        return choose(every, self.config.divisions, self.config.exclude_divisions)

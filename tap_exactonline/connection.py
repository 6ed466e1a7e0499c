"""From the settings to a client that can ask Exact Online."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version

from tap_exactonline import DISTRIBUTION
from tap_exactonline.config import Config, require_app
from tap_exactonline.exact.auth.credentials import Credentials
from tap_exactonline.exact.auth.store import TokenStore, open_store
from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.contract_calls import ContractCalls
from tap_exactonline.exact.divisions import Chosen, Division, choose, list_divisions
from tap_exactonline.exact.errors import SettingsError
from tap_exactonline.exact.large_answers import LargeAnswers
from tap_exactonline.exact.notes import Notes
from tap_exactonline.exact.refused_fields import RefusedFields
from tap_exactonline.exact.shared_list import SharedList
from tap_exactonline.exact.transport import MEGABYTE


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
        )

    @cached_property
    def notes(self) -> Notes:
        """What Exact refused lately. An access token alone, which ends in ten minutes, keeps none."""
        return self.store.notes() if self.config.client_id else Notes()

    @cached_property
    def credentials(self) -> Credentials:
        """The login.

        Raises:
            SettingsError: If client id or secret is missing.
        """
        require_app(self.config)
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
        row = (
            self.store.shared("divisions") if self.config.client_id and self.config.shard.parts > 1 else None
        )
        return (
            SharedList(row, self.stop).get(self.list_again, self.list_refusals) if row else self.list_again()
        )

    def list_again(self) -> list[Division]:
        """The same as they are now, not as they were at first."""
        excluded = self.config.exclude_divisions
        # Another part may be reading in the administration that the user opened last.
        own = [code for code in sorted(self.fallback_divisions) if self.config.shard.parts > 1]
        return list_divisions(
            self.client,
            first=[code for code in self.config.divisions or own if code not in excluded],
            fallback=sorted(self.fallback_divisions),
            refused=self.list_refusals,
        )

    @cached_property
    def chosen(self) -> Chosen:
        """The administrations to read, and what is wrong with configured ones that can't be; of this part."""
        owns = self.config.shard.owns
        everything = self.everything
        return Chosen(
            [division for division in everything.selected if owns(division.code)],
            [
                problem
                for problem in everything.problems
                if problem.division is None or owns(problem.division)
            ],
        )

    @cached_property
    def everything(self) -> Chosen:
        """The same of all parts."""
        return choose(self.accessible, self.config.divisions, self.config.exclude_divisions)

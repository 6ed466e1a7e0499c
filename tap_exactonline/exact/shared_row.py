"""A row beside the login, in which the processes of all machines keep what they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple


class Content(NamedTuple):
    """What the row holds; what its members mean is its user's choice."""

    number: int = 0
    mark: str = ""
    text: str = ""


class SharedRow(ABC):
    """One row of the token store's database."""

    @abstractmethod
    def look(self) -> tuple[Content, int] | None:
        """The content, and the database's clock in seconds since the epoch; None if there is no row.

        Raises:
            TokenStoreError: The database can't be asked.
        """

    @abstractmethod
    def change(self, change: Callable[[Content, int], Content]) -> None:
        """Replace the content, one process at a time.

        Args:
            change: Makes the new content of the old one and the database's clock. May be called twice.

        Raises:
            TokenStoreError: The database can't be written.
        """

    @abstractmethod
    def try_lock(self) -> AbstractContextManager[bool]:
        """Hold the row's lock inside the block, or not: False if another process has it. It ends with its holder.

        Raises:
            TokenStoreError: The database can't be asked.
        """

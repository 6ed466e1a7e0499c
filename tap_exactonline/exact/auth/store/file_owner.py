"""Whether a file of the token store can have been put there by another user.

A planted store gives the tap somebody else's login: the runs would load that company's books. A planted lock can make the
tap write into another file. So an ordinary user takes files of their own only. Root, which containers often run as, also
takes files of the user who owns the folder, if no third user can have written there.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from tap_exactonline.exact.errors import TokenStoreError

if TYPE_CHECKING:
    from pathlib import Path


def check_owner(path: Path, status: os.stat_result, what: str) -> None:
    """Refuse a file that is not regular, or that another user can have put there.

    Args:
        path: Absolute and without symbolic links.
        status: Of the open file.
        what: The file, for the error's text.

    Raises:
        TokenStoreError: The file is not to be trusted.
    """
    if not stat.S_ISREG(status.st_mode):
        raise TokenStoreError(
            f"{what} is not a regular file", "Remove it, or point 'token_store' to another place"
        )
    user = os.geteuid()
    if status.st_uid == user:
        return
    if user != 0:
        raise TokenStoreError(
            f"{what} belongs to another user (uid {status.st_uid}, not {user})",
            "Run the tap as its owner, or point 'token_store' to a file of your own",
        )
    if planter := _who_can_plant(path, status):
        raise TokenStoreError(
            f"{what} belongs to uid {status.st_uid}, and {planter} can write there: somebody may have planted it",
            "If the login is yours, give the file to the user that runs the tap (chown); otherwise remove it. Keep the "
            "store in a folder that no other user can write to",
        )


def check_links(path: Path) -> None:
    """Refuse, for root, a path with a symbolic link that another user can have put there.

    Args:
        path: As it was configured.

    Raises:
        TokenStoreError: Such a link is on the way.
    """
    if os.geteuid() != 0:
        return  # the file at the end has to be the user's own
    absolute = path.absolute()
    for place in (absolute, *absolute.parents):
        try:
            status = place.lstat()
            planted = stat.S_ISLNK(status.st_mode) and status.st_uid != 0 and open_to_all(place.parent)
        except FileNotFoundError:
            continue
        if planted:
            raise TokenStoreError(
                f"The symbolic link {place} belongs to uid {status.st_uid}, and every user can write there: somebody may "
                "have planted it",
                "Point 'token_store' to the place that is meant, in a folder that no other user can write to",
            )


def open_to_all(folder: Path) -> bool:
    """Whether every user of the computer can write into the folder."""
    return bool(folder.stat().st_mode & stat.S_IWOTH)


def _who_can_plant(path: Path, status: os.stat_result) -> str:
    """Who could have put a file of that owner there, on the way from / down; "" if nobody but root and the owner."""
    child = status
    for folder in path.parents:
        parent = folder.stat()
        if parent.st_mode & stat.S_IWOTH and child.st_uid != 0:
            return "every user"
        if parent.st_mode & stat.S_IWGRP and child.st_uid not in {0, parent.st_uid}:
            return f"the group {parent.st_gid}"
        if parent.st_uid not in {0, status.st_uid}:
            return f"uid {parent.st_uid}"
        child = parent
    return ""

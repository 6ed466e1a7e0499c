"""Where the tokens of a login are kept: in a file for one machine, in PostgreSQL for several."""

from tap_exactonline.exact.auth.store.base import LOCK_TIMEOUT, LockedStore, TokenStore
from tap_exactonline.exact.auth.store.factory import (
    DEFAULT,
    check_name,
    default_path,
    login_id,
    open_store,
    record_name,
)
from tap_exactonline.exact.auth.store.listing import (
    Snapshot,
    StoredConnection,
    list_connections,
    read_connections,
)
from tap_exactonline.exact.auth.store.moving import move, refuse_moving

__all__ = [
    "DEFAULT",
    "LOCK_TIMEOUT",
    "LockedStore",
    "Snapshot",
    "StoredConnection",
    "TokenStore",
    "check_name",
    "default_path",
    "list_connections",
    "login_id",
    "move",
    "open_store",
    "read_connections",
    "record_name",
    "refuse_moving",
]

"""Where the tokens of a login are kept: in a file for one machine, in PostgreSQL for several."""

from tap_exactonline.exact.auth.store.base import LOCK_TIMEOUT, LockedStore, TokenStore
from tap_exactonline.exact.auth.store.factory import default_path, login_id, open_store

__all__ = ["LOCK_TIMEOUT", "LockedStore", "TokenStore", "default_path", "login_id", "open_store"]

"""A client for Exact Online: login, limits, paging, failures. Knows nothing of Singer.

What `__all__` names is the public face for programs that embed the tap, described in ``docs/embedding.md``. It is loaded when it
is first used: most runs of the tap need only a part of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tap_exactonline.exact.auth.credentials import Credentials
    from tap_exactonline.exact.auth.grants import authorize_url
    from tap_exactonline.exact.auth.store import TokenStore, list_connections, open_store
    from tap_exactonline.exact.client import ExactClient
    from tap_exactonline.exact.context import RequestContext
    from tap_exactonline.exact.divisions import Division, list_divisions
    from tap_exactonline.exact.errors import ExactError, LoginError, OtherUser, TokenStoreError
    from tap_exactonline.exact.urls import api_url_for

__all__ = [
    "Credentials",
    "Division",
    "ExactClient",
    "ExactError",
    "LoginError",
    "OtherUser",
    "RequestContext",
    "TokenStore",
    "TokenStoreError",
    "api_url_for",
    "authorize_url",
    "list_connections",
    "list_divisions",
    "open_store",
]

_HOMES = {
    "auth.credentials": ("Credentials",),
    "auth.grants": ("authorize_url",),
    "auth.store": ("TokenStore", "list_connections", "open_store"),
    "client": ("ExactClient",),
    "context": ("RequestContext",),
    "divisions": ("Division", "list_divisions"),
    "errors": ("ExactError", "LoginError", "OtherUser", "TokenStoreError"),
    "urls": ("api_url_for",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)

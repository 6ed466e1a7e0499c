"""Connections to one host: requests does them, the proxies and the certificates, and here it is told what not to do."""

from __future__ import annotations

import logging
import socket
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import requests.adapters
from urllib3.connectionpool import HTTPConnectionPool

# It tells of headers that it can't read with a traceback and the whole address. What the answer is worth, we judge.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)

_NO_PROXY = {"http": "", "https": ""}


class Session(requests.Session):
    """A session that keeps no cookies, follows no redirect, and whose request can be ended from another thread.

    Args:
        headers: Sent with each request; requests' own are left out.
        direct: Use no proxy, whatever the environment says.
    """

    def __init__(self, headers: dict[str, str], *, direct: bool) -> None:
        super().__init__()
        self.headers.clear()
        self.headers.update(headers)
        # A cookie would tie the calls of one division to the state that another left on the server.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._direct = direct
        self._adapter = _Adapter()
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)

    def merge_environment_settings(self, url: Any, proxies: Any, *others: Any) -> Any:
        """What the environment says of proxies and certificates."""
        return super().merge_environment_settings(url, dict(_NO_PROXY) if self._direct else proxies, *others)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirect is looked at: requests would read the whole body of the answer first, however long it is."""

    def shut(self) -> None:
        """End the request that is under way, from its first byte on: for another thread."""
        self._adapter.shut()


class _Adapter(requests.adapters.HTTPAdapter):
    """Knows the connection in use."""

    def __init__(self) -> None:
        self._pool: Any = None
        super().__init__(pool_connections=2, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _make_pools_known(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        if is_new:
            _make_pools_known(manager)
        return manager

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        self._pool = super().get_connection_with_tls_context(*args, **kwargs)
        return self._pool

    def shut(self) -> None:
        connected = getattr(getattr(self._pool, "in_use", None), "sock", None)
        # An encrypted connection to a proxy has another one inside.
        connected = getattr(connected, "socket", connected)
        if connected is not None:
            # Not the method of an encrypted socket: that one forgets the encryption while another thread reads.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)


class _Pool(HTTPConnectionPool):
    """A pool of one connection that remembers it."""

    in_use: Any = None

    def _get_conn(self, timeout: float | None = None) -> Any:
        self.in_use = super()._get_conn(timeout)
        return self.in_use


def _make_pools_known(manager: Any) -> None:
    """Let the manager (of direct connections, of a proxy, of SOCKS) make pools that remember their connection."""
    manager.pool_classes_by_scheme = {
        scheme: type(f"Known{pool.__name__}", (_Pool, pool), {})
        for scheme, pool in manager.pool_classes_by_scheme.items()
    }

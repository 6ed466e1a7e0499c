"""Where Exact Online lives: one host per country, or an address of the user's own."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import msgspec

from tap_exactonline.exact.errors import SettingsError

COUNTRIES = {"nl": "nl", "be": "be", "de": "de", "fr": "fr", "es": "es", "uk": "co.uk", "us": "com"}
"""Country setting -> end of the host name ``start.exactonline.*``. The instances share no data and no apps."""

_UNSAFE = re.compile(r"[\s\\\x00-\x1f\x7f]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def api_url_for(country: str) -> str:
    """Address of Exact Online for a country code, such as ``https://start.exactonline.nl``.

    Raises:
        SettingsError: for a country in which Exact Online is not offered.
    """
    ending = COUNTRIES.get(country.strip().lower()) if isinstance(country, str) else None
    if ending is None:
        known = ", ".join(COUNTRIES)
        raise SettingsError("country", f"'{country}' is unknown", f"Use one of {known}")
    return f"https://start.exactonline.{ending}"


def address_of(host: str) -> tuple[str, str] | None:
    """Country and address of a host in the name of a record; None if it is neither Exact's nor this machine.

    Whoever can write into a store must not choose where the client secret is sent.
    """
    for country in COUNTRIES:
        if api_url_for(country) == f"https://{host}":
            return country, f"https://{host}"
    return ("nl", f"http://{host}") if is_loopback(urlsplit(f"//{host}").hostname or "") else None


def check_api_url(url: str) -> str:
    """An address in its plain form: scheme, host, port and base path, without a final slash.

    The access token travels to this address, so it has to be https; http is for test servers on the
    machine itself.

    Raises:
        SettingsError: if the address is malformed, holds a user name, or is http to another machine.
    """
    text = url.strip() if isinstance(url, str) else ""
    example = "Write it like https://start.exactonline.nl"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as exc:
        raise SettingsError("api_url", "this is not a web address", example) from exc
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or _UNSAFE.search(text):
        raise SettingsError("api_url", "this is not an http(s) address", example)
    if parts.username is not None or parts.password is not None:
        # Not quoted in the message: what stands before the @ may be a password.
        raise SettingsError("api_url", "a user name or password does not belong in it", example)
    if parts.query or parts.fragment:
        raise SettingsError("api_url", "it must end before '?' or '#'", example)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise SettingsError(
            "api_url",
            f"plain http to {parts.hostname} would show the access token to everyone on the way",
            "Use https; http is for this machine only (127.0.0.1, localhost)",
        )
    path = re.sub(r"/api(/v1)?$", "", parts.path.rstrip("/"))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown_port = f":{port}" if port is not None and port != _DEFAULT_PORTS[parts.scheme] else ""
    return f"{parts.scheme}://{host}{shown_port}{path}"


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address certainly means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Link(msgspec.Struct, frozen=True):
    """A link that stays within the API.

    Attributes:
        url: Its absolute form.
        endpoint: The path behind the administration's number.
        beta: Whether it lies under ``/api/v1/beta``.
    """

    url: str
    endpoint: str
    beta: bool

    def is_of(self, endpoint: str, *, beta: bool) -> bool:
        """Whether it leads to this endpoint. Exact does not tell upper from lower case in paths."""
        return self.beta == beta and self.endpoint.strip("/").lower() == endpoint.strip("/").lower()


def link_within(api_url: str, url: str, division: int | None) -> Link | None:
    """A link out of an answer, or None if it leads elsewhere.

    Args:
        api_url: Checked address, see `check_api_url`.
        url: A link out of an answer, absolute or beginning with a slash.
        division: Administration that the link has to stay in; None for links without one.
    """
    if _UNSAFE.search(url.replace(" ", "")):
        return None
    try:
        absolute = urljoin(f"{api_url}/", url)
        ours, theirs = urlsplit(api_url), urlsplit(absolute)
        same = _origin(ours) == _origin(theirs)
    except ValueError:
        return None
    if not same or theirs.username is not None or theirs.password is not None:
        return None
    path = unquote(theirs.path)[len(ours.path) :].lstrip("/").split("/")
    beta = len(path) > 2 and path[2].lower() == "beta"  # noqa: PLR2004 -- /api/v1/beta
    inside = path[3:] if beta else path[2:]
    if theirs.path[: len(ours.path)] != ours.path or "/".join(path[:2]).lower() != "api/v1":
        return None
    if division is not None and (not inside or inside.pop(0) != str(division)):
        return None
    return None if not inside or ".." in inside else Link(absolute, "/".join(inside), beta)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)

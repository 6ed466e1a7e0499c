"""A plain client for tests of the stand-in itself: requests, and nothing that hides what was answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from .exact import ExactOnline


class Client:
    """Reads the API of a served stand-in with one access token."""

    def __init__(self, exact: ExactOnline, token: str | None = None) -> None:
        self.exact = exact
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Accept"] = "application/json"
        self.sign(token or exact.issue_access_token())

    def sign(self, token: str) -> None:
        self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: Any) -> requests.Response:
        """GET ``/api/v1/{path}``; keywords become ``$`` parameters (``select=``, ``filter=``)."""
        params = {f"${name}": value for name, value in query.items()}
        url = f"{self.exact.url}/api/v1/{path}"
        return self.session.get(url, params=params, timeout=10, allow_redirects=False)

    def token(self, **form: str) -> requests.Response:
        """POST to the token endpoint with the app's credentials."""
        app = {"client_id": self.exact.client_id, "client_secret": self.exact.client_secret}
        return self.session.post(f"{self.exact.url}/api/oauth2/token", data=app | form, timeout=10)

    def refresh(self, token: str) -> requests.Response:
        return self.token(grant_type="refresh_token", refresh_token=token)

    def pages(self, path: str, **query: Any) -> list[list[dict[str, Any]]]:
        """All pages of an endpoint, by ``__next``."""
        response = self.get(path, **query)
        out = []
        while True:
            assert response.status_code == 200, response.text
            page = json.loads(response.content)["d"]
            out.append(page["results"])
            if not page.get("__next"):
                return out
            response = self.session.get(page["__next"], timeout=10)

    def rows(self, path: str, **query: Any) -> list[dict[str, Any]]:
        return [row for page in self.pages(path, **query) for row in page]


def message(response: requests.Response) -> str:
    """The text of an API error."""
    return str(response.json()["error"]["message"]["value"])

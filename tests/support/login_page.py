"""What the tests of the pages share: the program, or the server in this process, and raw requests to it."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tap_exactonline.login.web.server import PageServer, Site
from tests.support.cli import CliFixture, read_until

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/")
CODE = re.compile(r"\b[A-Z2-9]{4}-[A-Z2-9]{4}\b")


@dataclass
class Reply:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> dict[str, Any]:
        return json.loads(self.text)


@dataclass
class Page:
    """The running program.

    Attributes:
        running: It; None if the server is in this process.
        address: Of the page.
        code: Opens the page once.
        cookie: Of our session, once `enter` was called.
        token: The secret that lives in the page, once `enter` was called.
    """

    running: subprocess.Popen[str] | None
    address: str
    code: str
    cookie: str = ""
    token: str = ""
    said: str = field(default="", repr=False)

    @property
    def process(self) -> subprocess.Popen[str]:
        """The program."""
        assert self.running is not None
        return self.running

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str | None) -> Reply:
        """Send exactly these headers, besides Host, the cookie and the page's secret; None leaves one out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        usual = {"Cookie": self.cookie or None, "X-Login-Token": self.token or None}
        sent = {**usual, **{k.replace("_", "-"): v for k, v in headers.items()}}
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        reply = Reply(answer.status, dict(answer.getheaders()), answer.read().decode())
        connection.close()
        return reply

    def get(self, path: str, **headers: str | None) -> Reply:
        return self.request("GET", path, None, **headers)

    def enter(self) -> Reply:
        """Type the code, as a person does first, and keep what it gives."""
        reply = self.post("open", {"code": self.code})
        if reply.status == 200:
            self.cookie = reply.headers["Set-Cookie"].partition(";")[0]
            self.token = reply.json()["token"]
        return reply

    def post(self, action: str, value: Any = None, **headers: str | None) -> Reply:
        """A step as the page sends it, unless ``headers`` say otherwise."""
        usual = {"Content_Type": "application/json", "Origin": self.origin, "Sec_Fetch_Site": "same-origin"}
        return self.request(
            "POST", f"/api/{action}", json.dumps(value or {}).encode(), **{**usual, **headers}
        )

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, self.said + out, err


@contextmanager
def in_process(site: Site, **options: Any) -> Iterator[Page]:
    """A server in this process."""
    with PageServer(site, 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield Page(None, server.address, server.guard.code)
        server.shutdown()
        thread.join(20)


@contextmanager
def served(
    here: CliFixture, *arguments: str, command: Sequence[str] = ("login", "--web"), **settings: Any
) -> Iterator[Page]:
    """``tap-exactonline login --web``, or another command that serves a page."""
    process = here.start(*command, "--config", here.config(**settings), *arguments)
    try:
        said, code = read_until(process, CODE)
        address = ADDRESS.search(said)
        assert address is not None
        yield Page(process, address[0], code, said=said)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

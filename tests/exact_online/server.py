"""HTTP: Starlette routes, uvicorn in a thread, and the ways in which an answer can go wrong on the line."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import threading
from contextlib import suppress
from email.utils import formatdate
from time import sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from . import api, control
from .exact import ExactOnline
from .faults import Meeting
from .record import Call
from .wire import Reply, error

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

SECRET = {"client_secret", "refresh_token", "access_token", "code"}
TRANSPORTS: dict[tuple[str, int], asyncio.Transport] = {}


class Protocol(H11Protocol):
    """uvicorn's, but an application can find the connection, to break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # asyncio does so only for sockets that name their protocol; without it each answer waits 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        TRANSPORTS[transport.get_extra_info("peername")[:2]] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client:
            TRANSPORTS.pop(self.client, None)
        super().connection_lost(exc)


def break_connection(scope: Scope) -> None:
    """End the connection with a reset, as a failing load balancer does."""
    transport = TRANSPORTS.get(tuple(scope["client"]))
    if transport is not None:
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _meet(meeting: Meeting) -> None:
    meeting.arrived += 1
    until = asyncio.get_running_loop().time() + meeting.seconds
    while meeting.arrived < meeting.size and not meeting.missed:
        meeting.missed = asyncio.get_running_loop().time() > until
        await asyncio.sleep(0.005)


class Delivery:
    """An ASGI answer that puts a :class:`Reply` on the line as its ``delivery`` says."""

    def __init__(
        self, reply: Reply, now: float, *, zip_it: bool = False, done: Callable[[], None] = lambda: None
    ) -> None:
        self.now = now
        self.reply = reply
        self.zip_it = zip_it and len(reply.body) > 256 and "Content-Encoding" not in reply.headers
        self.done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._deliver(scope, receive, send)
        finally:
            self.done()

    async def _deliver(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply, body = self.reply, self.reply.body
        how: str = ""
        value: Any = None
        if reply.delivery:
            how, value = reply.delivery
        if how == "hang":
            with suppress(TimeoutError):
                await asyncio.wait_for(_gone(receive), value)
            how = "reset"
        if how == "reset":
            break_connection(scope)
            return
        if how == "together":
            await _meet(value)
        headers = dict(reply.headers)
        if self.zip_it:
            if not reply.zipped:
                reply.zipped.append(gzip.compress(body, 1))
            body, headers["Content-Encoding"] = reply.zipped[0], "gzip"
        headers["Date"] = formatdate(self.now, usegmt=True)
        if reply.status != 204:
            headers["Content-Length"] = str(len(body))
        raw = [(k.encode(), v.encode("latin-1")) for k, v in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        if how == "midway":
            await send(
                {"type": "http.response.body", "body": body[: int(len(body) * value)], "more_body": True}
            )
            await asyncio.sleep(0.02)
            break_connection(scope)
            return
        if how == "slow":
            seconds, parts = value
            step = max(1, -(-len(body) // parts))
            for at in range(0, len(body), step):
                await send({"type": "http.response.body", "body": body[at : at + step], "more_body": True})
                await asyncio.sleep(seconds / parts)
            body = b""
        await send({"type": "http.response.body", "body": body})


def application(exact: ExactOnline) -> Starlette:
    """The routes."""

    async def token(request: Request) -> Delivery:
        raw = await request.body()
        call = Call(request.method, request.url.path, stream="token", time=exact.clock.now())
        call.user_agent = request.headers.get("user-agent", "")
        form = dict(parse_qsl(raw.decode(errors="replace"), keep_blank_values=True))
        call.query = {k: v for k, v in form.items() if k not in SECRET}
        with exact.lock:
            exact.note(call)
            action = exact.faults.find(call)
            if action and action.before:
                reply = action.before(exact, call)
            elif not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
                reply = error(415, "Unsupported media type requested.")
            else:
                reply = exact.oauth.token(form)
            if action and action.after:
                reply = action.after(reply)
            call.status = reply.status
            exact.ready(call)
        return Delivery(reply, exact.clock.now())

    async def start_page(request: Request) -> Delivery:
        call = Call(request.method, request.url.path, stream="start_page", time=exact.clock.now())
        with exact.lock:
            exact.start_pages += 1
            action = exact.faults.find(call)
            reply = Reply(302, headers={"Location": "/docs/Login.aspx"})
            if action and action.before:
                reply = action.before(exact, call)
        return Delivery(reply, exact.clock.now())

    async def get(request: Request) -> Delivery:
        host = f"{request.url.scheme}://{request.headers.get('host', '127.0.0.1')}"
        raw_path = request.scope["raw_path"].decode("latin-1")
        raw_query = request.scope["query_string"].decode("latin-1")
        target = api.resolve(exact, raw_path, host) or api.Target()
        call = Call(request.method, request.url.path, target.division, target.name, time=exact.clock.now())
        call.query = {k: v for k, v in parse_qsl(raw_query, keep_blank_values=True) if k not in SECRET}
        call.user_agent = request.headers.get("user-agent", "")
        exact.enter(target.division)
        try:
            exact.note(call)
            if exact.switches.latency:
                await asyncio.sleep(exact.switches.latency)
            with exact.lock:
                if request.method != "GET":
                    reply = error(405, "Method Not Allowed")
                else:
                    url = f"{host}{raw_path}?{raw_query}"
                    headers = {k.lower(): v for k, v in request.headers.items()}
                    reply = api.too_long(exact, url) or api.answer(
                        exact, call, target, raw_query=raw_query, headers=headers
                    )
                call.status, call.rows, call.size = reply.status, reply.rows, len(reply.body)
                exact.ready(call)
        except BaseException:
            exact.leave(target.division)
            raise
        zip_it = "gzip" in request.headers.get("accept-encoding", "")
        return Delivery(reply, exact.clock.now(), zip_it=zip_it, done=lambda: exact.leave(target.division))

    every = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    return Starlette(
        routes=[
            Route("/api/oauth2/token", token, methods=["POST"]),
            Route("/", start_page, methods=["GET"]),
            *control.routes(exact),
            Route("/api/v1/{path:path}", get, methods=every),
            Route("/Api/v1/{path:path}", get, methods=every),
            Route("/API/v1/{path:path}", get, methods=every),
        ]
    )


class Prompt(uvicorn.Server):
    """uvicorn's server, without its tenths of seconds: tests start and stop many."""

    async def main_loop(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()
        await self.ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()


class Server:
    """uvicorn in a thread of its own, on loopback."""

    def __init__(self, exact: ExactOnline, port: int = 0) -> None:
        self._socket = socket.create_server(("127.0.0.1", port), backlog=128)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config: Any = uvicorn.Config(
            application(exact), http=Protocol, ws="none", lifespan="off", log_config=None, log_level="critical",
            access_log=False, date_header=False, server_header=False, timeout_keep_alive=30,
        )  # fmt: skip
        self._server = Prompt(config)
        self._thread = threading.Thread(target=self._run, name="exact-online", daemon=True)
        self._thread.start()
        while not hasattr(self._server, "ended"):
            if not self._thread.is_alive():
                raise RuntimeError("the stand-in did not start")
            sleep(0.001)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        self._server.loop.call_soon_threadsafe(self._server.ended.set)
        self._thread.join(timeout=5)
        self._socket.close()

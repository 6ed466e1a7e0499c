"""Pages and handles outside the API: sign-in and consent in a browser, control for other processes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from .record import Call

if TYPE_CHECKING:
    from .exact import ExactOnline

PAGE = """<!DOCTYPE html><html lang="en"><head><title>Exact Online (stand-in)</title></head>
<body style="font-family: sans-serif; margin: 4em auto; max-width: 34em">{}</body></html>"""


def _refusal(text: str) -> HTMLResponse:
    return HTMLResponse(PAGE.format(f"<h1>This does not work</h1><p>{escape(text)}</p>"), 400)


def routes(exact: ExactOnline) -> list[Route]:
    """The routes of this module."""

    def wrong(query: dict[str, str]) -> str | None:
        if query.get("client_id", "").strip("{}") != exact.client_id:
            return "The client_id is not known."
        if query.get("redirect_uri") not in exact.redirect_uris:
            return "The redirect_uri is not the one that was registered."
        return None if query.get("response_type") == "code" else "Only response_type=code is possible."

    async def authorize(request: Request) -> Response:
        query = dict(request.query_params)
        with exact.lock:
            shown = {k: v for k, v in query.items() if k in ("client_id", "redirect_uri", "response_type")}
            exact.note(Call("GET", request.url.path, stream="authorize", query=shown, time=exact.clock.now()))
            why = wrong(query)
            if why:
                return _refusal(why)
            hidden = "".join(
                f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in query.items()
            )
            boxes = "".join(
                f'<p><label><input type="checkbox" name="division" value="{d.code}" checked> '
                f"{d.code} {escape(d.description)}</label></p>"
                for d in exact.divisions.values()
            )
        form = (
            f'<h1>Sign in and allow access</h1><form method="post" action="/api/oauth2/auth">{hidden}{boxes}'
            '<button name="answer" value="yes">Allow</button> <button name="answer" value="no">Refuse</button></form>'
        )
        return HTMLResponse(PAGE.format(form))

    async def consent(request: Request) -> Response:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True)
        query = dict(pairs)
        with exact.lock:
            why = wrong(query)
            if why:
                return _refusal(why)
            if query.get("answer") == "no":
                return RedirectResponse(f"{query['redirect_uri']}?error=access_denied", 302)
            chosen = {int(v) for k, v in pairs if k == "division"}
            for division in exact.divisions.values():
                division.in_scope = division.code in chosen if chosen else division.in_scope
            return RedirectResponse(exact.oauth.redirect(query["redirect_uri"], query.get("state")), 302)

    def local(request: Request) -> bool:
        return request.client is not None and request.client.host in ("127.0.0.1", "::1", "testclient")

    async def stats(request: Request) -> Response:
        if not local(request):
            return PlainTextResponse("loopback only", 403)
        with exact.lock:
            per: dict[str, int] = {}
            for call in exact.log:
                per[call.stream or call.path] = per.get(call.stream or call.path, 0) + 1
            return JSONResponse(
                {
                    "calls": exact.calls(),
                    "token_calls": exact.token_calls,
                    "errors_4xx": len(exact.errors_4xx),
                    "rows_sent": sum(c.rows for c in exact.log),
                    "per_stream": per,
                    "divisions": {
                        d.code: {
                            "calls": exact.calls(d.code),
                            "max_concurrency": exact.max_concurrency(d.code),
                        }
                        for d in exact.divisions.values()
                    },
                }
            )

    async def login(request: Request) -> Response:
        if not local(request):
            return PlainTextResponse("loopback only", 403)
        return JSONResponse({"client_id": exact.client_id, "client_secret": exact.client_secret,
                             "refresh_token": exact.issue_login()})  # fmt: skip

    async def rows(request: Request) -> Response:
        """How many rows each stream holds, over all administrations: ``?stream=…&stream=…``."""
        if not local(request):
            return PlainTextResponse("loopback only", 403)
        with exact.lock:
            wanted = request.query_params.getlist("stream")
            return JSONResponse({s: sum(len(exact.expected(c, s)) for c in exact.divisions) for s in wanted})

    async def mutate(request: Request) -> Response:
        """``{"stream": …, "division": …, "insert": 1, "update": 2, "delete": 1}``; answers the keys."""
        if not local(request):
            return PlainTextResponse("loopback only", 403)
        asked: dict[str, Any] = await request.json()
        with exact.lock:
            table = exact.table(asked["division"], asked["stream"])
            values = asked.get("values") or {}
            inserted = [_key(table, table.insert(**values)) for _ in range(asked.get("insert", 0))]
            spared = [k for k in table.keys() if k not in inserted]  # noqa: SIM118  (a list, not a dict)
            updated = spared[: asked.get("update", 0)]
            deleted = spared[len(spared) - asked.get("delete", 0) :]
            for key in updated:
                table.update(key, **values)
            for key in deleted:
                table.delete(key)
        return JSONResponse({"inserted": inserted, "updated": updated, "deleted": deleted})

    async def clear(request: Request) -> Response:
        if not local(request):
            return PlainTextResponse("loopback only", 403)
        exact.clear_log()
        return JSONResponse({})

    return [
        Route("/api/oauth2/auth", authorize, methods=["GET"]),
        Route("/api/oauth2/auth", consent, methods=["POST"]),
        Route("/_control/stats", stats, methods=["GET"]),
        Route("/_control/rows", rows, methods=["GET"]),
        Route("/_control/login", login, methods=["GET", "POST"]),
        Route("/_control/mutate", mutate, methods=["POST"]),
        Route("/_control/clear", clear, methods=["POST"]),
    ]


def _key(table: Any, row: dict[str, Any]) -> Any:
    key = tuple(row[k] for k in table.key)
    return key[0] if len(key) == 1 else key

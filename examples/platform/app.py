"""A platform with a "Connect Exact Online" button: each customer logs in once, and is then read by the tap.

The customer's browser goes to Exact and comes back to this application's own https address. The code is exchanged into the
token store under the customer's name, and the customer chooses administrations.

Run it with ``uvicorn app:application`` behind a server that speaks https. Who the customer is, is up to your platform: `customer_of`
stands in for its login.
"""

from __future__ import annotations

import html
import os
import secrets
import time
from collections.abc import Sequence
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from tap_exactonline.exact import (
    Credentials,
    Division,
    ExactClient,
    ExactError,
    TokenStore,
    api_url_for,
    authorize_url,
    list_divisions,
    open_store,
)

USER_AGENT = "platform-example/1"
STATE_SECONDS = 600
MOST_BODY = 100_000

CLIENT_ID = os.environ["EXACT_CLIENT_ID"]
CLIENT_SECRET = os.environ["EXACT_CLIENT_SECRET"]
REDIRECT_URI = os.environ["EXACT_REDIRECT_URI"]  # https://your-platform.example/callback, as registered
TOKEN_STORE = os.environ["EXACT_TOKEN_STORE"]  # postgresql://…
API_URL = os.environ.get("EXACT_API_URL") or api_url_for("nl")

# Logins under way: state → customer, and when it was begun. Several processes need a table instead.
pending: dict[str, tuple[str, float]] = {}
# Proves that a form comes from our own page: customer → token.
forms: dict[str, str] = {}


def customer_of(request: Request) -> str:
    """Your platform's login: here, a cookie that the platform has set."""
    return request.cookies["customer"]


def store_of(customer: str) -> TokenStore:
    """The customer's own record in the shared database."""
    return open_store(TOKEN_STORE, client_id=CLIENT_ID, api_url=API_URL, connection=customer)


def login_of(store: TokenStore) -> Credentials:
    """What gives out access tokens of a customer, and renews them."""
    return Credentials(
        api_url=API_URL, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, store=store, user_agent=USER_AGENT
    )


async def home(request: Request) -> Response:  # noqa: ARG001 - as all routes
    """The button."""
    return HTMLResponse('<a href="/connect">Connect Exact Online</a>')


async def connect(request: Request) -> Response:
    """Send the customer to Exact."""
    state = secrets.token_urlsafe(24)
    pending[state] = customer_of(request), time.monotonic()
    return RedirectResponse(authorize_url(API_URL, CLIENT_ID, REDIRECT_URI, state), status_code=302)


async def callback(request: Request) -> Response:
    """Exact sends the customer back: keep the login, and ask which administrations to read."""
    customer = customer_of(request)
    begun_by, begun = pending.pop(request.query_params.get("state", ""), ("", 0.0))
    # The same customer has to come back as went away, or one could slip a login of their own under another.
    if begun_by != customer or time.monotonic() - begun > STATE_SECONDS:
        return HTMLResponse("This login was not begun here. Please start again.", status_code=400)
    if "code" not in request.query_params:
        return HTMLResponse("Access was not allowed.", status_code=400)
    try:
        divisions = await run_in_threadpool(keep_login, customer, request.query_params["code"])
    except ExactError as error:  # OtherUser: this customer's login belongs to another user at Exact
        return HTMLResponse(html.escape(str(error)), status_code=400)
    forms[customer] = secrets.token_urlsafe(24)
    return HTMLResponse(form(divisions, forms[customer]))


def keep_login(customer: str, code: str) -> list[Division]:
    """Exchange the code into the store, bind the login to its user, and list the administrations."""
    login = login_of(store_of(customer))
    login.exchange_code(code, REDIRECT_URI)
    client = ExactClient(api_url=API_URL, credentials=login, user_agent=USER_AGENT)
    return list_divisions(client, told=login.bind)


def form(divisions: Sequence[Division], token: str) -> str:
    """Checkboxes. Names come from Exact's users, so they are escaped."""
    boxes = "".join(
        f'<label><input type="checkbox" name="division" value="{one.code}"> '
        f"{one.code} {html.escape(one.description)}</label><br>"
        for one in divisions
        if not one.closed
    )
    return (
        f'<form method="post" action="/choose">{boxes}<input type="hidden" name="token" value="{token}">'
        "<button>Save</button></form>"
    )


async def choose(request: Request) -> Response:
    """Keep the choice with the login. No administration ticked: all, also those to come."""
    customer = customer_of(request)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BODY:
            return HTMLResponse("Too much.", status_code=413)
    fields = parse_qs(body.decode(errors="replace"))
    token = fields.get("token", [""])[0]
    if not token or not secrets.compare_digest(token.encode(), forms.pop(customer, "").encode()):
        return HTMLResponse("Please start again.", status_code=400)
    chosen = [int(code) for code in fields.get("division", []) if code.isdecimal()]
    await run_in_threadpool(store_of(customer).choose, chosen or None)
    return HTMLResponse("Connected.")


application = Starlette(
    routes=[
        Route("/", home),
        Route("/connect", connect),
        Route("/callback", callback),
        Route("/choose", choose, methods=["POST"]),
    ]
)

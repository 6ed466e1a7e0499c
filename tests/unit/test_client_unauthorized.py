"""401: about the login, about what was asked for, or an accident."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tap_exactonline.exact.attempts import LoginDoubt
from tap_exactonline.exact.errors import LoginError, NotLoggedIn, Unauthorized
from tests.exact_online import front
from tests.exact_online.wire import Reply as AnyReply
from tests.support.scripted import Login, Reply, Request, ScriptedFixture, problem, rows, world

ME = rows({"CurrentDivision": 101})
EXPIRED = Reply(401, b"", {"WWW-Authenticate": "Bearer error=%22invalid_token%22 access%20token%20expired"})


@pytest.fixture
def w() -> Iterator[ScriptedFixture]:
    with world() as made:
        yield made


def asked(w: ScriptedFixture, part: str) -> int:
    return sum(part in path for path in w.server.paths)


def by_token(w: ScriptedFixture, **answers: Reply) -> None:
    """Each token has its own answer, everywhere; others are expired."""

    def rule(request: Request) -> Reply:
        return answers.get(request.headers["Authorization"].split()[1].replace("-", "_"), EXPIRED)

    w.server.rule = rule


def by_path(
    w: ScriptedFixture, part: str, reply: Reply, *, times: int = 10**6, good: Reply | None = None
) -> None:
    """Calls of some paths are answered so, so many times."""
    left = [times]

    def rule(request: Request) -> Reply:
        if part in request.path and left[0] > 0:
            left[0] -= 1
            return reply
        return (good or ME) if "current/Me" not in request.path else ME

    w.server.rule = rule


# -- the login -------------------------------------------------------------------------------------


def test_an_expired_token_is_renewed_once(w: ScriptedFixture) -> None:
    by_token(w, token_1=rows())
    w.get()
    by_token(w, token_2=rows({"ID": "a"}))
    assert w.get(query="$select=Name").rows == [{"ID": "a"}]
    assert w.login.rejected == ["token-1"]
    assert asked(w, "crm/Accounts") == 3
    assert asked(w, "current/Me") == 1


def test_a_token_that_me_refuses_too_is_for_a_person(w: ScriptedFixture) -> None:
    w.server.default = EXPIRED
    with pytest.raises(LoginError) as caught:
        w.get()
    assert (asked(w, "crm/Accounts"), asked(w, "current/Me")) == (2, 2)
    assert w.login.rejected == ["token-1"]
    assert "tap-exactonline login" in str(caught.value)
    assert "token-" not in str(caught.value)


def test_a_token_that_was_good_and_has_expired_is_for_a_person_too(w: ScriptedFixture) -> None:
    """A configured access_token ends in the middle of a run; it can't be renewed."""

    class Alone(Login):
        def access_token(self) -> str:
            if self.rejected:
                raise NotLoggedIn("the configured access_token is no longer accepted", "set a new one")
            return super().access_token()

    w.client = w.new_client(credentials=Alone(renewable=False))
    w.server.default = rows()
    w.get()
    w.server.default = EXPIRED
    for path in ("crm/Contacts", "crm/Addresses"):
        with pytest.raises(NotLoggedIn):
            w.get(path)
    assert asked(w, "current/Me") == 1
    assert len(w.server.requests) == 3


def test_me_itself_is_asked_again_with_a_new_token_only(w: ScriptedFixture) -> None:
    w.server.default = EXPIRED
    with pytest.raises(LoginError):
        w.get("current/Me", division=None)
    assert len(w.server.requests) == 2
    assert w.login.rejected == ["token-1"]


def test_a_token_that_exact_calls_alive_has_two_more_tries(w: ScriptedFixture) -> None:
    w.login = Login(renewable=False)
    w.client = w.new_client()
    w.say(EXPIRED, EXPIRED, ME)
    assert w.get("current/Me", division=None).rows == [{"CurrentDivision": 101}]
    w.server.default = EXPIRED
    with pytest.raises(LoginError):
        w.get("crm/Accounts")
    assert (asked(w, "crm/Accounts"), asked(w, "current/Me")) == (3, 3 + 2), "four errors of Me are enough"


def test_a_token_that_another_thread_has_renewed_is_used(w: ScriptedFixture) -> None:
    class Renewed(Login):
        def reject(self, access_token: str) -> None:
            self.rejected.append(access_token)

    w.login = Renewed()
    w.client = w.new_client()

    def rule(request: Request) -> Reply:
        if request.headers["Authorization"] == "Bearer token-1":
            w.login.number = 2
            return EXPIRED
        return rows({"ID": "a"})

    w.server.rule = rule
    assert w.get().rows == [{"ID": "a"}]


@pytest.mark.parametrize("status", [401, 403])
def test_a_blocked_user_costs_no_second_call(w: ScriptedFixture, status: int) -> None:
    w.server.default = problem(status, "", "BlockedUser")
    with pytest.raises(LoginError, match="blocked"):
        w.get()
    assert len(w.server.requests) == 1
    assert w.login.rejected == []


def test_me_that_calls_the_user_blocked_says_so(w: ScriptedFixture) -> None:
    w.say(EXPIRED, problem(403, "", "InactiveUser"))
    with pytest.raises(LoginError, match="inactive"):
        w.get()


def test_me_that_refuses_as_the_token_endpoint_does_refuses_the_login(w: ScriptedFixture) -> None:
    w.say(EXPIRED, front_reply(front.oauth_error()), EXPIRED, front_reply(front.oauth_error()))
    with pytest.raises(LoginError):
        w.get()


def front_reply(made: AnyReply) -> Reply:
    return Reply(made.status, made.body, dict(made.headers))


def test_failures_of_the_login_pass_through(w: ScriptedFixture) -> None:
    class Broken(Login):
        def access_token(self) -> str:
            raise LoginError("log in", "now")

    w.client = w.new_client(credentials=Broken())
    with pytest.raises(LoginError, match="log in"):
        w.get()
    assert w.server.requests == []
    assert w.client.calls() == 0


# -- not the login ---------------------------------------------------------------------------------

FORMS = {form: front_reply(front.unauthorized(form)) for form in ("empty", "words", "page")}


@pytest.mark.parametrize("reply", FORMS.values(), ids=FORMS)
def test_an_endpoint_that_answers_401_is_an_endpoint(w: ScriptedFixture, reply: Reply) -> None:
    by_path(w, "crm/Accounts", reply)
    with pytest.raises(Unauthorized) as caught:
        w.get()
    assert caught.value.division == 101
    assert "rights" in str(caught.value)
    assert asked(w, "crm/Accounts") == 3
    assert len(w.stop.waits) == 2, "the tries are spaced"
    assert all(wait >= 0.5 for wait in w.stop.waits)
    assert asked(w, "current/Me") == 1
    assert w.login.rejected == [], "a good token is not renewed"
    w.get("crm/Contacts")


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("reply", FORMS.values(), ids=FORMS)
def test_accidents_are_ridden_out(w: ScriptedFixture, reply: Reply, times: int) -> None:
    by_path(w, "crm/Accounts", reply, times=times, good=rows({"ID": "a"}))
    assert w.get().rows == [{"ID": "a"}]
    assert w.login.rejected == []


def test_one_word_of_me_is_enough_for_a_while(w: ScriptedFixture) -> None:
    by_path(w, "/202/", EXPIRED)
    for path in ("crm/A", "crm/B", "crm/C"):
        with pytest.raises(Unauthorized):
            w.get(path, division=202)
    assert asked(w, "current/Me") == 1
    w.clock.advance(60)
    with pytest.raises(Unauthorized):
        w.get("crm/D", division=202)
    assert asked(w, "current/Me") == 2


@pytest.mark.parametrize(
    "me", [Reply(503), Reply(403, front.AKAMAI), Reply(body=front.AKAMAI), problem(404), problem(429)]
)
@pytest.mark.parametrize("proven", [True, False])
def test_if_me_says_nothing_an_earlier_good_answer_decides(
    w: ScriptedFixture, me: Reply, proven: bool
) -> None:
    if proven:
        w.say(rows())
        w.get("crm/Contacts")
    w.server.rule = lambda request: me if "current/Me" in request.path else EXPIRED
    with pytest.raises(Unauthorized if proven else LoginError):
        w.get()
    assert asked(w, "crm/Accounts") <= 3
    assert asked(w, "current/Me") <= 3


def test_a_401_does_not_close_the_address(w: ScriptedFixture) -> None:
    by_path(w, "crm/Accounts", EXPIRED, times=3, good=rows({"ID": "a"}))
    with pytest.raises(Unauthorized):
        w.get()
    assert w.get().rows == [{"ID": "a"}]


def test_errors_stay_within_the_hour_s_budget(w: ScriptedFixture) -> None:
    by_path(w, "crm/Accounts", EXPIRED)
    for number in range(20):
        with pytest.raises(Exception, match=r"401|failed so often"):
            w.get(query=f"$select=F{number}")
        w.clock.advance(60)
    assert asked(w, "crm/Accounts") == 4


# -- the evidence ----------------------------------------------------------------------------------


def test_a_good_answer_to_a_later_call_is_proof_and_to_an_earlier_one_is_not() -> None:
    said: list[str] = []

    def ask(token: str) -> bool:
        said.append(token)
        return True

    doubt = LoginDoubt(ask, lambda: 0.0)
    earlier, doubted, later = (doubt.next_number() for _ in range(3))
    doubt.good_answer("t", earlier)
    doubt.good_answer("other", later)
    assert doubt.is_refused("t", doubted)
    doubt.good_answer("t", later)
    doubt.good_answer("t", earlier)
    assert not doubt.is_refused("t", doubted)
    assert said == ["t"]


def test_many_who_doubt_at_once_share_one_answer() -> None:
    said: list[str] = []
    inside = threading.Event()

    def ask(token: str) -> bool:
        inside.wait(5)
        said.append(token)
        return True

    doubt = LoginDoubt(ask, lambda: 0.0)
    numbers = [doubt.next_number() for _ in range(8)]
    found: list[bool] = []
    threads = [threading.Thread(target=lambda n=n: found.append(doubt.is_refused("t", n))) for n in numbers]
    for thread in threads:
        thread.start()
    inside.set()
    for thread in threads:
        thread.join(10)
    assert found == [True] * 8
    assert said == ["t"]

"""The tree of failures, and what each tells a person."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from tap_exactonline.exact import errors
from tap_exactonline.exact.errors import (
    ExactError,
    KeyBlocked,
    LoginError,
    QueryRefused,
    SettingsError,
)

CLASSES = [
    thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, ExactError)
]


def example(kind: type[ExactError]) -> ExactError:
    if kind is SettingsError:
        return SettingsError("country", "'gb' is unknown", "Use uk")
    if kind is QueryRefused:
        return QueryRefused("no such field", division=101, stream="crm_accounts")
    return kind("it broke", "Mend it", division=101, stream="crm_accounts", status=500)


def test_the_drawn_tree_is_the_tree():
    drawn = {}
    parents = {0: "ExactError"}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^    ([│├└─\s]*)(\w+)", line)
        if match and match[2] != "ExactError":
            depth = len(match[1]) // 4
            parents[depth] = match[2]
            drawn[match[2]] = parents[depth - 1]
    assert drawn == {kind.__name__: kind.__mro__[1].__name__ for kind in CLASSES if kind is not ExactError}


@pytest.mark.parametrize("kind", CLASSES)
def test_each_failure_is_one_line_with_place_and_remedy(kind):
    error = example(kind)
    text = str(error)
    assert "\n" not in text
    if kind is not SettingsError:
        assert text.startswith("division 101, stream crm_accounts: ")
    assert text.endswith(error.remedy)
    assert ". " in text
    assert ".." not in text


@pytest.mark.parametrize("kind", CLASSES)
def test_a_failure_can_be_copied_and_sent_to_another_process(kind):
    # Threads that share a failed login each raise a copy; process pools pickle.
    error = example(kind)
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is kind
        assert str(other) == str(error)
        assert other.__dict__ == error.__dict__


@pytest.mark.parametrize("kind", CLASSES)
def test_each_failure_says_what_it_is(kind):
    assert kind.__doc__
    assert len(kind.__doc__) > 20


def test_places_are_named_as_far_as_they_are_known():
    assert str(LoginError("expired")) == "expired"
    assert str(LoginError("expired.", "Log in")) == "expired. Log in"
    assert str(KeyBlocked("x", division=1)) == "division 1: x"
    assert str(KeyBlocked("x", stream="s")) == "stream s: x"
    assert str(SettingsError("country", "what", "do")) == "Setting 'country': what. do"

"""Exact's part of OData's ``$filter``: parse it, print it, run it.

Grammar: ``or`` over ``and`` over ``not`` over comparisons of a field (or ``trim``, ``tolower``,
``toupper`` of one) with a literal, the predicates ``substringof``, ``startswith`` and ``endswith``,
and parentheses. Literals: ``datetime'…'``, ``guid'…'``, text in single quotes, numbers with or
without a suffix, ``true``, ``false``, ``null``.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMERIC = {"double", "decimal", "int16", "int32", "int64", "byte"}
OPS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip
PREDICATES = ("substringof", "startswith", "endswith")
WRAPPERS = ("trim", "tolower", "toupper")


class QueryError(ValueError):
    """The text is not what Exact accepts; the message is the one for the client."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: ``kind`` is datetime, guid, string, number, boolean or null."""

    kind: str
    value: Any
    text: str


@dataclass(frozen=True, slots=True)
class Compare:
    field: str
    op: str
    literal: Literal
    wrap: str | None = None


@dataclass(frozen=True, slots=True)
class Predicate:
    """``substringof('x',Name)`` and its like, compared with true or false."""

    function: str
    field: str
    text: str
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Not:
    inner: Node


@dataclass(frozen=True, slots=True)
class Logic:
    op: str  # and, or
    left: Node
    right: Node


Node = Compare | Predicate | Not | Logic

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<datetime>datetime'(?P<dt>[^']*)')
    | (?P<guid>guid'(?P<gu>[^']*)')
    | (?P<string>'(?P<st>(?:[^']|'')*)')
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?[LlDdMmFf]?)(?![\w])
    | (?P<word>[A-Za-z_][\w/]*)
    | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,7})?)?)?")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def quote(text: str) -> str:
    """A text literal."""
    return "'" + text.replace("'", "''") + "'"


def literal(kind: str, raw: str, *, date_only: bool = True) -> Literal:
    """Read one literal's inside; QueryError when it is malformed."""
    if kind == "datetime":
        if not _DATETIME.fullmatch(raw) or (not date_only and "T" not in raw):
            raise QueryError(f"Unrecognized 'Edm.DateTime' literal 'datetime'{raw}''.")
        try:
            moment = datetime.fromisoformat(raw[:26])
        except ValueError:
            raise QueryError(f"Unrecognized 'Edm.DateTime' literal 'datetime'{raw}''.") from None
        return Literal("datetime", moment, f"datetime'{raw}'")
    if kind == "guid":
        if not _GUID.fullmatch(raw):
            raise QueryError(f"Unrecognized 'Edm.Guid' literal 'guid'{raw}''.")
        return Literal("guid", raw.lower(), f"guid'{raw}'")
    if kind == "string":
        return Literal("string", raw, quote(raw))
    bare = raw.rstrip("LlDdMmFf")
    return Literal("number", float(bare) if re.search(r"[.eE]", bare) else int(bare), raw)


class _Parser:
    def __init__(self, text: str, *, date_only: bool) -> None:
        self.text = text
        self.tokens: list[tuple[str, Any, int]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise QueryError(f"Syntax error at position {at}.")
            if match["datetime"]:
                self.tokens.append(("literal", literal("datetime", match["dt"], date_only=date_only), at))
            elif match["guid"]:
                self.tokens.append(("literal", literal("guid", match["gu"]), at))
            elif match["string"]:
                self.tokens.append(("literal", literal("string", match["st"].replace("''", "'")), at))
            elif match["number"]:
                self.tokens.append(("literal", literal("number", match["number"]), at))
            elif match["word"] in ("true", "false", "null"):
                word = match["word"]
                value = {"true": True, "false": False, "null": None}[word]
                self.tokens.append(
                    ("literal", Literal("null" if value is None else "boolean", value, word), at)
                )
            elif match["word"]:
                self.tokens.append(("word", match["word"], at))
            else:
                self.tokens.append(("mark", match["mark"], at))
            at = match.end()
        self.tokens.append(("end", "", len(text)))
        self.at = 0

    def peek(self) -> tuple[str, Any, int]:
        return self.tokens[self.at]

    def take(self, kind: str, value: Any = None) -> Any:
        got, what, position = self.tokens[self.at]
        if got != kind or (value is not None and what != value):
            raise QueryError(f"Syntax error at position {position}.")
        self.at += 1
        return what

    def either(self) -> Node:
        node = self.both()
        while self.peek()[:2] == ("word", "or"):
            self.at += 1
            node = Logic("or", node, self.both())
        return node

    def both(self) -> Node:
        node = self.unary()
        while self.peek()[:2] == ("word", "and"):
            self.at += 1
            node = Logic("and", node, self.unary())
        return node

    def unary(self) -> Node:
        kind, what, _ = self.peek()
        if (kind, what) == ("word", "not"):
            self.at += 1
            return Not(self.unary())
        if (kind, what) == ("mark", "("):
            self.at += 1
            node = self.either()
            self.take("mark", ")")
            return node
        if kind == "word" and what in PREDICATES and self.tokens[self.at + 1][:2] == ("mark", "("):
            return self.predicate()
        return self.compare()

    def predicate(self) -> Node:
        function = self.take("word")
        self.take("mark", "(")
        first, second = ("literal", "word") if function == "substringof" else ("word", "literal")
        parts = {first: self.take(first)}
        self.take("mark", ",")
        parts[second] = self.take(second)
        self.take("mark", ")")
        if parts["literal"].kind != "string":
            raise QueryError(f"No applicable function found for '{function}'.")
        wanted = True
        if self.peek()[:2] == ("word", "eq"):
            self.at += 1
            value = self.take("literal")
            if value.kind != "boolean":
                raise QueryError(
                    f"Operator 'eq' incompatible with operand types at position {self.peek()[2]}."
                )
            wanted = value.value
        return Predicate(function, parts["word"], parts["literal"].value, wanted)

    def compare(self) -> Node:
        field, wrap = self.take("word"), None
        if field in WRAPPERS and self.peek()[:2] == ("mark", "("):
            wrap = field
            self.at += 1
            field = self.take("word")
            self.take("mark", ")")
        _, op, position = self.peek()
        self.take("word")
        if op not in OPS:
            raise QueryError(f"Syntax error at position {position}.")
        return Compare(field, op, self.take("literal"), wrap)


def parse(text: str, *, date_only: bool = True) -> Node:
    """Read a ``$filter``; QueryError with Exact's kind of text when it is none."""
    parser = _Parser(text, date_only=date_only)
    node = parser.either()
    parser.take("end")
    return node


def render(node: Node) -> str:
    """Print a tree such that :func:`parse` gives it back."""
    match node:
        case Compare(field, op, value, wrap):
            return f"{wrap}({field}) {op} {value.text}" if wrap else f"{field} {op} {value.text}"
        case Predicate(function, field, text, wanted):
            args = f"{quote(text)},{field}" if function == "substringof" else f"{field},{quote(text)}"
            return f"{function}({args}) eq {'true' if wanted else 'false'}"
        case Not(inner):
            return f"not ({render(inner)})"
        case Logic(op, left, right):
            return f"({render(left)}) {op} ({render(right)})"


def leaves(node: Node) -> Iterator[Compare | Predicate]:
    """All comparisons of a tree."""
    if isinstance(node, Logic):
        yield from leaves(node.left)
        yield from leaves(node.right)
    elif isinstance(node, Not):
        yield from leaves(node.inner)
    else:
        yield node

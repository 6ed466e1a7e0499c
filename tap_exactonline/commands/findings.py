"""What ``check`` found, for a person and for a program."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["ok", "note", "warning", "failure"]

_WIDTH = 110
_MARKS = {"ok": "ok", "note": "note", "warning": "warning", "failure": "FAILURE"}
_INDENT = " " * 26


@dataclass(slots=True)
class Finding:
    """One line of the report.

    Attributes:
        status: ``failure`` means that a run would fail, ``warning`` that it would lack something.
        topic: What it is about.
        text: What was found.
        remedy: What to do about it.
        details: Further lines, such as the streams concerned.
    """

    status: Status
    topic: str
    text: str
    remedy: str = ""
    details: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Findings:
    """All of them, and the plain values behind them.

    Attributes:
        lines: In the order in which they were found.
        facts: Topic → values, for programs.
    """

    lines: list[Finding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether a run would succeed, as far as can be seen."""
        return all(line.status != "failure" for line in self.lines)

    def add(
        self, status: Status, topic: str, text: str, remedy: str = "", details: list[str] | None = None
    ) -> None:
        """Note one more."""
        self.lines.append(Finding(status, topic, text, remedy, details or []))

    def as_json(self) -> str:
        """For programs."""
        value = {"ok": self.good, **self.facts, "findings": [asdict(line) for line in self.lines]}
        return json.dumps(value, indent=1, ensure_ascii=False)

    def as_text(self) -> str:
        """For one screen."""
        out = []
        for line in self.lines:
            head = f"{_MARKS[line.status]:<9}{line.topic:<17}"
            out += _wrapped(line.text, head)
            for detail in line.details:
                out += _wrapped(detail, f"{_INDENT}  ", f"{_INDENT}    ")
            if line.remedy:
                out += _wrapped(line.remedy, f"{_INDENT}→ ", f"{_INDENT}  ")
        warned = any(line.status == "warning" for line in self.lines)
        last = "A run would fail." if not self.good else "A run would succeed."
        if self.good and warned:
            last = "A run would succeed, but not bring everything that is selected."
        return "\n".join([*out, "", last])


def _wrapped(text: str, first: str, rest: str = _INDENT) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]

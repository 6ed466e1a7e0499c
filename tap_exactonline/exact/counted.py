"""Numbers with their nouns, for messages."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """``1 call``, ``1,234 calls``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def are(number: int) -> str:
    """``is`` or ``are``, whichever fits the number."""
    return "is" if number == 1 else "are"

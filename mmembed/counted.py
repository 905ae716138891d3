"""Numbers of things in messages."""

from __future__ import annotations


def counted(count: int, thing: str, things: str | None = None) -> str:
    """`1` of a `picture` → `1 picture`; all others are `things`, by default with an s."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {things or thing + 's'}"

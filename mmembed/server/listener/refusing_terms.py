"""The limits and counts that the server sends to its refusing process when overload begins."""

from __future__ import annotations

from typing import TypedDict


class RefusingTerms(TypedDict):
    """The server's limits, and the connections that it has."""

    slow_s: float
    """Seconds for the next request, and between checks of a body or an answer."""
    most: int
    """Connections at a time, of both processes."""
    per_client: int
    """Connections of one address; 0 for no limit."""
    proxies: list[str]
    """Networks whose addresses have no limit."""
    too_many: str
    """The answer beyond the limit of an address, as Latin-1."""
    held: dict[str, int]
    """The server's connections, by address."""


NO_TERMS: RefusingTerms = {
    "slow_s": 60.0, "most": 0, "per_client": 0, "proxies": [], "too_many": "", "held": {},
}  # fmt: skip
"""Before the server's message."""

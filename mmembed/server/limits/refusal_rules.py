"""The rules of refusals that the server and its refusing process share.

The refusing process imports this module, so it imports little.
"""

from __future__ import annotations

DRAINED_BYTES = 1_000_000
"""A body up to this size is read although its request is refused, which keeps the connection
usable. Callers that connect anew for every try cost more than the body."""
SLOWEST_BODY = 10_000
"""Bytes a second at which a body must arrive."""
LOOK_S = 1.0
"""Seconds between checks of the connections."""
AT_ONCE = 16
"""Connections that are accepted before other tasks have a turn."""
BACK_OFF_S = 0.2
"""Seconds after an error of the system, and while all connections are in use."""
SHARE = 4
"""If all connections are taken, one in this many is closed at a time."""
ASSAULT = 2
"""Times the limit of one address; beyond it, its connections are closed without an answer."""
SPARED_S = 0.5
"""A newer connection is not closed for another."""


def needs_model(method: str, path: str) -> bool:
    """Whether a request may embed an input: all requests with a body may, except requests for
    keys."""
    if method in ("POST", "PUT", "PATCH"):
        return path != "/v1/session"
    return path.rstrip("/") in ("/v1/search", "/v1/clusters")

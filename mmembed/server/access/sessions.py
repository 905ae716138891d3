"""Sessions of the page. The cookie holds a proof of the key, not the key itself, and its end."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

COOKIE = "mmembed_session"
LONGEST_S = 14 * 24 * 3600
MOST_ENDED = 10_000
"""Sessions that are remembered as ended; a restart forgets them."""


class Sessions:
    """Opens and ends sessions. A session is signed with its key, and ends with it, too."""

    def __init__(self, keys: Sequence[str], clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._clock = clock
        self._ended: OrderedDict[str, None] = OrderedDict()

    def open(self, key: str) -> str:
        """A cookie for the owner of that key: `last second.random.signature`."""
        stated = f"{int(self._clock()) + LONGEST_S}.{secrets.token_hex(16)}"
        return f"{stated}.{_signature(key, stated)}"

    def end(self, cookie: str) -> None:
        """End a session."""
        if self.has(cookie):
            self._ended[cookie] = None
            if len(self._ended) > MOST_ENDED:
                self._ended.popitem(last=False)

    def has(self, cookie: str) -> bool:
        """Whether the session was opened here, its key still holds, and it has not ended."""
        stated, _, signature = cookie.rpartition(".")
        last = stated.partition(".")[0]
        if not cookie.isascii() or not last.isdecimal() or len(last) > 12 or cookie in self._ended:
            return False
        equal = [hmac.compare_digest(signature, _signature(key, stated)) for key in self._keys]
        return any(equal) and self._clock() < int(last) <= self._clock() + LONGEST_S


def _signature(key: str, stated: str) -> str:
    return hmac.new(key.encode(), f"mmembed session {stated}".encode(), hashlib.sha256).hexdigest()

"""What the page's cookie holds: a proof of the key that is not the key, with a last day."""

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
    """Opens and ends sessions. One ends with its key, too: it is signed with it."""

    def __init__(self, keys: Sequence[str], clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._clock = clock
        self._ended: OrderedDict[str, None] = OrderedDict()

    def open(self, key: str) -> str:
        """A cookie for who brought that key: `last second.random.signature`."""
        stated = f"{int(self._clock()) + LONGEST_S}.{secrets.token_hex(16)}"
        return f"{stated}.{_signature(key, stated)}"

    def end(self, cookie: str) -> None:
        """Let a session be none any more."""
        if self.has(cookie):
            self._ended[cookie] = None
            if len(self._ended) > MOST_ENDED:
                self._ended.popitem(last=False)

    def has(self, cookie: str) -> bool:
        """Whether it was opened here, with a key that still holds, and has not ended."""
        stated, _, signature = cookie.rpartition(".")
        last = stated.partition(".")[0]
        if not cookie.isascii() or not last.isdecimal() or len(last) > 12 or cookie in self._ended:
            return False
        equal = [hmac.compare_digest(signature, _signature(key, stated)) for key in self._keys]
        return any(equal) and self._clock() < int(last) <= self._clock() + LONGEST_S


def _signature(key: str, stated: str) -> str:
    return hmac.new(key.encode(), f"mmembed session {stated}".encode(), hashlib.sha256).hexdigest()

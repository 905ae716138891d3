"""Slows down the guessing of keys: wrong keys are answered late, and then refused for a while.

Wrong keys are counted for each client address, and each is forgotten after some seconds. A key that
was right from an address before stays right there. So guesses of a neighbour behind the same proxy
do not lock out working clients.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import Scope

from mmembed.errors import Overloaded
from mmembed.server.limits.per_client import caller_at

AT_ONCE = 3
"""Wrong keys that are answered at once."""
MOST = 10
"""Wrong keys after which no other is checked."""
FORGOTTEN_S = 6.0
"""Seconds after which one of them is forgotten."""
DELAY_S = 1.0
MOST_ADDRESSES = 10_000
"""Addresses that are remembered; the least recently seen is dropped first."""
MOST_WAITING = 64
"""Refusals that are delayed at a time. Further ones are sent at once, so that a flood does not pile
up."""


class Guesses:
    """Counts wrong keys by address; used on the event loop alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Address → number of wrong keys that are not forgotten, and the time of the count."""
        self._right: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._waiting = 0

    def check(self, scope: Scope, key: str) -> None:
        """Raises Overloaded if keys from this address are not checked, and this key is not
        known."""
        address = address_of(scope)
        level = math.ceil(self._level(address))
        if level >= MOST and (address, digest(key)) not in self._right:
            wait_s = (level - MOST + 1) * FORGOTTEN_S
            raise Overloaded("too many wrong keys came from your address", wait_s)

    def right(self, scope: Scope, key: str) -> None:
        """Remember that a key was right."""
        known = (address_of(scope), digest(key))
        if known not in self._right:
            self._right[known] = None
            if len(self._right) > MOST_ADDRESSES:
                self._right.popitem(last=False)

    async def wrong(self, scope: Scope) -> None:
        """Count a wrong key, and wait if it is one of several."""
        address = address_of(scope)
        level = self._level(address) + 1
        self._wrong[address] = (level, self._clock())
        self._wrong.move_to_end(address)
        if len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)
        if level > AT_ONCE and self._waiting < MOST_WAITING:
            self._waiting += 1
            try:
                await asyncio.sleep(DELAY_S)
            finally:
                self._waiting -= 1

    def _level(self, address: str) -> float:
        level, then = self._wrong.get(address, (0.0, 0.0))
        return max(0.0, level - (self._clock() - then) / FORGOTTEN_S)


def address_of(scope: Scope) -> str:
    """The client's address, or the network whose addresses may all belong to one client."""
    text = (scope.get("client") or ("",))[0]
    return str(caller_at(text) or text)


def digest(key: str) -> bytes:
    """A digest in place of the key, of the same length for all keys."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()

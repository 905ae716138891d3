"""Addresses of images → bytes, for requests that name an image by its address, and for tars.

A caller that lets a server fetch reaches every host that the server can reach. Examples are its own
machine, the network behind it, and the metadata service of a cloud. So the host is resolved here,
and all its addresses must be public. The connection goes to the very address that was checked. A
name that points elsewhere a moment later (DNS rebinding) changes nothing. Each redirect is checked
in the same way.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TypeAlias, TypeVar
from urllib.parse import urljoin

from mmembed.config.host_names import pattern_of
from mmembed.config.settings import PREFIX
from mmembed.errors import ImageError, ImageTooLarge, Overloaded
from mmembed.fetch.addresses import is_public, resolve
from mmembed.fetch.parts import FilePart, NoPart, Span, version_in
from mmembed.fetch.target import Target, shown
from mmembed.fetch.wire import Clock, Wire, connected, secured
from mmembed.memory_budget import Hold, MemoryBudget

__all__ = ["Fetcher"]

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""Host and port → addresses. Raises OSError."""

Out = TypeVar("Out")
Read: TypeAlias = Callable[[Target, http.client.HTTPResponse], Out]
"""An answer that is no redirect → what is wanted of it. Raises as `_ask` does."""

DEADLINE_S = 15.0
"""For one image, redirects and all."""
AT_ONCE = 8
"""Fetches in progress; more wait, and are refused when their time is over."""
REDIRECTS = 5
PIECE = 65_536
MOVED = frozenset({301, 302, 303, 307, 308})
STEP_BYTES = 4_000_000
"""Of an image that is being fetched, for which memory is taken at a time."""
HELD_BYTES = 128_000_000
"""Of all fetched images that are still in memory, or of one, where that may be larger."""
HEADERS = {
    "User-Agent": "mmembed",
    "Accept": "image/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class Fetched(bytes):
    """An image file, and its share of a budget of memory for as long as it lives."""

    held: Sequence[Hold] = ()
    changed: float | None = None
    """When it was last changed, in seconds since 1970, if the host says it."""


class Moved(Exception):
    """The image is elsewhere."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(url)


class Fetcher:
    """Fetches images for requests; any thread may call it.

    max_bytes: of one image. allow: hosts that may be private. resolve: for tests.
    """

    def __init__(
        self, *, max_bytes: int, allow: Iterable[str] = (), resolve: Resolve = resolve
    ) -> None:
        self._max_bytes = max_bytes
        self._allow = frozenset(filter(None, map(pattern_of, allow)))
        self._resolve = resolve
        self._memory = MemoryBudget(
            max(HELD_BYTES, max_bytes + STEP_BYTES), slots=0, purpose="fetched images", setting=""
        )
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._resolvers = ThreadPoolExecutor(AT_ONCE, "resolve")

    def close(self) -> None:
        """Let go of the threads."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    def fetch(self, url: str, name: str) -> Fetched:
        """The bytes at an address; the decoder checks whether they are an image.

        name: the image's name in errors. Raises ImageError, ImageTooLarge, and Overloaded if too
        many fetches are in progress.
        """
        return self._follow(url, name, HEADERS, self._body)

    def part(self, url: str, name: str, start: int, stop: int) -> FilePart:
        """The bytes of a file from `start` to before `stop`, fewer at its end.

        Raises ImageError, also for a host that sends no parts, and Overloaded as `fetch` does.
        """
        span = Span(start, stop)

        def read(target: Target, response: http.client.HTTPResponse) -> FilePart:
            try:
                count, size = span.answered(response)
            except NoPart as error:
                raise target.refused(f"its host {error}") from None
            data = self._read(target, response, count)
            if len(data) < count:
                raise http.client.IncompleteRead(data, count - len(data))
            return FilePart(data, size, version_in(response.headers))

        return self._follow(url, name, {**HEADERS, **span.headers()}, read)

    def _follow(self, url: str, name: str, headers: Mapping[str, str], read: Read[Out]) -> Out:
        """The result of `read`, given the answer, which comes after up to REDIRECTS others."""
        clock = Clock(time.monotonic() + DEADLINE_S)
        if not self._places.acquire(timeout=DEADLINE_S):
            raise Overloaded(f"{AT_ONCE} images are being fetched already; try again")
        try:
            return self._followed(url, name, clock, headers, read)
        finally:
            self._places.release()

    def _followed(
        self, url: str, name: str, clock: Clock, headers: Mapping[str, str], read: Read[Out]
    ) -> Out:
        for _ in range(REDIRECTS + 1):
            target = Target.of(url, name)
            try:
                return self._ask(target, clock, headers, read)
            except Moved as elsewhere:
                url = elsewhere.url
            except TimeoutError:
                raise target.refused(f"did not answer within {DEADLINE_S:g} s") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise target.refused(f"cannot be fetched ({_reason(error)})") from None
        raise ImageError(name, f"{shown(url)}: more than {REDIRECTS} redirects")

    def _ask(
        self, target: Target, clock: Clock, headers: Mapping[str, str], read: Read[Out]
    ) -> Out:
        """Raises Moved, ImageError, OSError, HTTPException, ValueError."""
        with self._wire(target, clock) as wire:
            connection = target.connection()
            connection.sock = wire
            connection.request("GET", target.path, headers=headers)
            with connection.getresponse() as response:
                if response.status in MOVED:
                    raise Moved(urljoin(target.url, response.headers.get("Location", "")))
                return read(target, response)

    def _wire(self, target: Target, clock: Clock) -> Wire:
        sock = connected(self._addresses(target, clock), target.port, clock)
        if target.secure:
            sock = secured(sock, target.host, self._tls, clock)
        return Wire(sock, clock)

    def _addresses(self, target: Target, clock: Clock) -> Sequence[str]:
        looked_up = self._resolvers.submit(self._resolve, target.host, target.port)
        try:
            addresses = looked_up.result(clock.left())
        except Late:  # the system's resolver cannot be interrupted
            looked_up.cancel()
            raise TimeoutError from None
        if target.host in self._allow or all(map(is_public, addresses)):
            return addresses
        raise target.refused(
            "its host is not on the public internet; the server's owner can allow it with "
            f"{PREFIX}FETCH_ALLOW"
        )

    def _body(self, target: Target, response: http.client.HTTPResponse) -> Fetched:
        if response.status != 200:
            raise target.refused(f"answered {response.status}")
        fetched = self._read(target, response, self._max_bytes)
        fetched.changed = _moment(response.headers.get("Last-Modified", ""))
        return fetched

    def _read(self, target: Target, response: http.client.HTTPResponse, most: int) -> Fetched:
        """Up to `most` bytes; more are too many."""
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise target.refused("is sent compressed, which was not asked for")
        if (response.length or 0) > most:
            raise self._too_large(target, most)
        data = bytearray()
        held: list[Hold] = []
        while piece := response.read1(PIECE):
            data += piece
            if len(data) > most:
                raise self._too_large(target, most)
            if len(data) > len(held) * STEP_BYTES:
                held.append(self._more_memory())
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        if held:
            held[-1].shrink(len(data) - (len(held) - 1) * STEP_BYTES)
        fetched = Fetched(data)
        fetched.held = held
        return fetched

    def _more_memory(self) -> Hold:
        """Raises Overloaded if other fetched images take the whole budget."""
        held = self._memory.reserve_at_once(STEP_BYTES)
        if held is None:
            raise Overloaded(
                f"fetched images fill the {self._memory.limit / 1e6:g} MB set aside for them; name "
                "fewer in a request, or try again"
            )
        return held

    def _too_large(self, target: Target, most: int) -> ImageError:
        if most != self._max_bytes:
            return target.refused("its host sent more than was asked for")
        limit = f"limit {self._max_bytes / 1e6:g} MB; raise {PREFIX}MAX_IMAGE_MB"
        return ImageTooLarge(target.name, f"{shown(target.url)}: {limit}")

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _reason(error: Exception) -> str:
    """The reason, in words that reveal nothing of the network here."""
    told = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    return str(told or type(error).__name__)

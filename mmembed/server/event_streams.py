"""Streams of server-sent events: the progress of jobs, until they or the server end.

Each event holds the whole state of a job. So a listener that comes back, or that missed some,
needs nothing from before.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import orjson
from anyio import CapacityLimiter, to_thread
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from mmembed.collection.jobs.job import Job
from mmembed.errors import Abandoned, NotFound, Overloaded, StoreError
from mmembed.server.json_answers import Json

MOST = 64
"""Streams at a time."""
PACE_S = 0.5
"""Seconds between two looks at a job, and so between two events."""
ALIVE_S = 10.0
"""Seconds without an event after which a comment is sent: proxies close silent connections."""
READERS = 4
"""Threads that look at jobs: those of other servers are read from the store."""
LAST = "end"
"""The id of the last event of a stream; a browser that comes back with it is told to stay away."""
RETRY = b"retry: 2000\n\n"
"""Milliseconds after which a browser comes back when the connection broke."""
WAIT_S = 5.0


class EventStreams:
    """The streams of one server; used on the event loop alone."""

    def __init__(self) -> None:
        self._open = 0
        self._ending = asyncio.Event()
        self._readers = CapacityLimiter(READERS)

    def check(self) -> None:
        """Raises Overloaded if there are as many streams as may be."""
        if self._open >= MOST:
            raise Overloaded(
                f"{self._open} streams of events are open, limit {MOST}; ask for the job now and "
                "then instead, or close some",
                WAIT_S,
            )

    def end(self) -> None:
        """End all streams: the server does."""
        self._ending.set()

    def of(self, read: Callable[[], Job], write: Callable[[Job], Json]) -> EventStream:
        """The stream of a job. read: the job as it is; may take a while. write: its JSON."""
        return EventStream(self, self._events(read, write))

    def opened(self) -> None:
        """A stream is open from now on."""
        self._open += 1

    def closed(self) -> None:
        """A stream has ended."""
        self._open -= 1

    async def _events(
        self, read: Callable[[], Job], write: Callable[[Job], Json]
    ) -> AsyncIterator[bytes]:
        yield RETRY
        number, sent, sent_at = 0, b"", time.monotonic()
        while not self._ending.is_set():
            try:
                job = await to_thread.run_sync(read, limiter=self._readers)
            except (NotFound, Abandoned):
                return
            except StoreError:  # it may come back, and so does the next event
                job = None
            data = sent if job is None else orjson.dumps(write(job))
            if job is not None and job.is_ended:
                yield _event("end", LAST, data)
                return
            if data != sent:
                number, sent, sent_at = number + 1, data, time.monotonic()
                yield _event("progress", str(number), data)
            elif time.monotonic() - sent_at >= ALIVE_S:
                sent_at = time.monotonic()
                yield b": alive\n\n"
            await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ending.wait(), PACE_S)


class EventStream(StreamingResponse):
    """An answer of events, which is counted while it is open."""

    media_type = "text/event-stream"

    def __init__(self, streams: EventStreams, events: AsyncIterator[bytes]) -> None:
        # X-Accel-Buffering: nginx otherwise keeps events back until it has many.
        super().__init__(events, headers={"X-Accel-Buffering": "no"})
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._streams.opened()
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.closed()


def _event(kind: str, number: str, data: bytes) -> bytes:
    """JSON has no line breaks, so that it is one line of data."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (number.encode(), kind.encode(), data)

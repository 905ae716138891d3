"""Room for bodies that come side by side."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from mmembed.server.limits import body_memory
from mmembed.server.limits.body_memory import Room, Share
from tests.serving import connect, listening, open_collection

BODIES = 6
BYTES = 800_000
"""Of one; there is room for 1,250,000."""


async def come(place: Room, most: int, part: int) -> Share:
    """A body, part by part, which is answered a moment later."""
    share = place.begin(most)
    while share.left:
        assert await place.grow(share, min(part, share.left)), "refused"
        await asyncio.sleep(0)
    place.whole(share)
    await asyncio.sleep(0.01)
    place.end(share)
    return share


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[80] * 10, [40, 90, 10, 64, 64, 100, 1], [30] * 40])
def test_bodies_side_by_side_all_become_whole(sizes: list[int]) -> None:
    async def run() -> Room:
        place = Room(100)
        await asyncio.gather(*(come(place, size, 7) for size in sizes))
        return place

    place = asyncio.run(run())
    assert (place._used, place._promised, len(place._growing)) == (0, 0, 0)


def test_no_more_comes_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_memory, "WAIT_S", 0.0)

    async def run() -> None:
        place = Room(100)
        first, second = place.begin(80), place.begin(80)
        assert await place.grow(first, 50)
        assert await place.grow(second, 20)
        assert not await place.grow(second, 1), "neither would become whole"
        assert await place.grow(first, 30)
        place.whole(first)
        assert not await place.grow(second, 1), "it is full"
        assert await place.grow(place.begin(0), 0), "what has no body needs no room"
        place.end(first)
        assert await place.grow(second, 60)
        gone = place.begin(100)  # whoever leaves half-way gives back as much
        place.end(gone)
        place.end(second)
        assert place._promised == 0

    asyncio.run(run())


@pytest.mark.slow
def test_large_uploads_side_by_side_are_all_answered(tmp_path: Path) -> None:
    collection = open_collection(tmp_path, max_upload_mb=1)
    with listening(collection) as address, ExitStack() as stack:
        lines = [stack.enter_context(closing(connect(address))) for _ in range(BODIES)]
        for line in lines:  # the parts of all come in turn
            line.settimeout(body_memory.WAIT_S - 1)
            line.sendall(
                b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % BYTES
            )
        body = b'{"q": "red"' + b" " * (BYTES - 12) + b"}"
        left = {line: memoryview(body) for line in lines}
        while left:
            for line in list(left):
                line.setblocking(False)
                try:
                    sent = line.send(left[line][:100_000])
                except BlockingIOError:
                    continue
                left[line] = left[line][sent:]
                if not left[line]:
                    del left[line]
        for line in lines:
            line.settimeout(body_memory.WAIT_S)
            assert line.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"

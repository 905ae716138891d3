"""What is answered before it was read, and how long the rest of it is waited for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from mmembed.server.middleware import lingering_close
from mmembed.server.middleware.lingering_close import LingeringClose

SCOPE: Scope = {"type": "http", "headers": [(b"content-length", b"9")]}


async def unread(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("no", 401)(scope, receive, send)


async def read(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await unread(scope, receive, send)


def heard(app: Any, came: list[Message], scope: Scope = SCOPE) -> list[Any]:
    """What goes out, and `came` for each part of the body that was taken in between."""
    found: list[Any] = []

    async def receive() -> Message:
        if not came:
            await asyncio.sleep(60)
        found.append("came")
        return came.pop(0)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            found.append((message["body"], message.get("more_body", False)))

    asyncio.run(LingeringClose(app)(scope, receive, send))
    return found


def part(more: bool) -> Message:
    return {"type": "http.request", "body": b"abc", "more_body": more}


def test_the_answer_goes_out_before_the_rest_is_read_and_ends_after_it() -> None:
    parts = [part(True), part(True), part(False)]
    assert heard(unread, parts) == [(b"no", True), "came", "came", "came", (b"", False)]


def test_what_was_read_is_not_waited_for() -> None:
    assert heard(read, [part(True), part(False)]) == ["came", "came", (b"no", False)]
    assert heard(unread, [], {"type": "http", "headers": []}) == [(b"no", False)]


def test_a_caller_who_leaves_or_dawdles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: Message = {"type": "http.disconnect"}
    assert heard(unread, [part(True), gone]) == [(b"no", True), "came", "came", (b"", False)]
    monkeypatch.setattr(lingering_close, "LINGER_S", 0.05)
    assert heard(unread, [part(True)]) == [(b"no", True), "came", (b"", False)]

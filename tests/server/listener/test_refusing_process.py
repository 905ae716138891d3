"""The refusing process, run on a thread: the test stands for the server."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from mmembed.server.limits.per_client import Clients
from mmembed.server.listener import refusing_process
from mmembed.server.listener.channel import Channel, Kind, Message
from mmembed.server.listener.refusing_terms import NO_TERMS
from mmembed.server.listener.shared_counts import BYTES, Count
from tests.serving import PATIENCE_S, connect, eventually

pytestmark = pytest.mark.skipif(
    not hasattr(os, "memfd_create"), reason="the system lacks what the process needs"
)
SEARCH = b"GET /v1/search?q=red HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\n"
LIST = b"GET /v1/items HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 3\r\ncontent-length: 2\r\n"
TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\n\r\n"


class Refusing:
    """A refusing process on a thread, and the server's end of its channel."""

    def __init__(self) -> None:
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(512)
        self.listener.setblocking(False)
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel, self.its_end = Channel(ours), Channel(theirs)
        self.counts = memoryview(bytearray(BYTES)).cast("q")
        process = refusing_process.RefusingProcess(self.listener, self.its_end, self.counts)
        self.thread = threading.Thread(target=process.run)
        self.thread.start()

    def begin(self, **terms: Any) -> None:
        """Let it refuse, on the given terms."""
        self.channel.send(Message(Kind.TEMPLATE, len(HEAD), data=HEAD + b"{}"))
        all_terms = {**NO_TERMS, "most": 1000, "too_many": TOO_MANY.decode(), **terms}
        self.channel.send(Message(Kind.REFUSE, data=str(all_terms).replace("'", '"').encode()))

    def next(self) -> Message:
        """Its next message."""
        select.select([self.channel], [], [], PATIENCE_S)
        message = self.channel.receive()
        assert message is not None
        return message

    def end(self) -> None:
        self.channel.close()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
        self.its_end.close()
        self.listener.close()


@pytest.fixture
def refusing() -> Iterator[Refusing]:
    refusing = Refusing()
    yield refusing
    refusing.end()


@pytest.fixture
def caller(refusing: Refusing) -> Iterator[socket.socket]:
    refusing.begin()
    with closing(connect(refusing.address)) as caller:
        yield caller


def given(message: Message, kind: int) -> socket.socket:
    """The connection that comes with a message."""
    assert message.kind == kind
    assert message.file is not None
    return socket.socket(fileno=message.file)


def ask(caller: socket.socket, request: bytes) -> bytes:
    caller.sendall(request)
    return caller.recv(10_000)


def test_a_request_without_a_place_is_refused(caller: socket.socket, refusing: Refusing) -> None:
    answer = ask(caller, SEARCH)
    assert answer.startswith(HEAD + b"x-request-id: ")
    assert answer.endswith(b"\r\n\r\n{}")
    named = SEARCH.replace(b"\r\n\r\n", b"\r\nX-Request-Id: abc\r\n\r\n")
    assert ask(caller, named) == HEAD + b"x-request-id: abc\r\n\r\n{}"
    assert list(refusing.counts[Count.OWN : Count.REFUSED_POSTS + 1]) == [1, 2, 0]


def test_the_body_of_a_refused_request_is_skipped(caller: socket.socket) -> None:
    assert ask(caller, POST + b"Content-Length: 300000\r\n\r\nbegin").startswith(HEAD)
    caller.sendall(SEARCH * 1000)
    rest = 300_000 - 5 - 1000 * len(SEARCH)
    assert ask(caller, bytes(rest) + SEARCH).startswith(HEAD)


@pytest.mark.parametrize(
    "request_",
    [
        LIST,
        SEARCH[:20],
        SEARCH * 2,
        b"\x16\x03\x01",
        POST + b"Transfer-Encoding: chunked\r\n\r\n",
        POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        POST + b"Content-Length: 2000000\r\n\r\n",
    ],
)
def test_other_requests_go_to_the_server(
    caller: socket.socket, refusing: Refusing, request_: bytes
) -> None:
    caller.sendall(request_)
    message = refusing.next()
    with given(message, Kind.GIVEN) as connection:
        assert message.data == request_
        connection.sendall(b"answer")
        assert caller.recv(10) == b"answer"
    eventually(lambda: refusing.counts[Count.OWN] == 0)


def test_a_place_is_given_once(refusing: Refusing) -> None:
    refusing.begin()
    refusing.counts[Count.FREE] = 2
    with ExitStack() as stack:
        callers = [stack.enter_context(closing(connect(refusing.address))) for _ in range(4)]
        for caller in callers[:2]:
            caller.sendall(SEARCH)
            stack.enter_context(given(refusing.next(), Kind.ADMITTED))
        assert ask(callers[2], SEARCH).startswith(HEAD)
        refusing.counts[Count.FREE] = 1  # the server has received one of them, and another ended
        refusing.counts[Count.TAKEN] = 2
        callers[2].sendall(SEARCH)
        stack.enter_context(given(refusing.next(), Kind.ADMITTED))
        assert ask(callers[3], SEARCH).startswith(HEAD)


def test_a_shared_connection_changes_hands_without_its_descriptor(
    caller: socket.socket, refusing: Refusing
) -> None:
    caller.sendall(LIST)
    message = refusing.next()
    with given(message, Kind.GIVEN):
        refusing.channel.send(Message(Kind.LENT, message.number))
        assert ask(caller, SEARCH).startswith(HEAD)
        caller.sendall(LIST)
        assert refusing.next() == Message(Kind.GIVEN, message.number, 0, LIST)
        refusing.channel.send(Message(Kind.LENT, message.number, 0, SEARCH))
        assert caller.recv(10_000).startswith(HEAD)
        caller.close()
        assert refusing.next() == Message(Kind.CLOSED, message.number)


def test_the_server_lends_and_ends_its_own_connections(refusing: Refusing) -> None:
    with closing(connect(refusing.address)) as caller:
        refusing.listener.setblocking(True)
        connection, _ = refusing.listener.accept()
        refusing.begin()
        refusing.channel.send(Message(Kind.LENT, 2, 0, SEARCH, connection.fileno()))
        connection.close()
        assert caller.recv(10_000).startswith(HEAD)
        refusing.channel.send(Message(Kind.ENDED, 2))
        assert caller.recv(10) == b""
        refusing.channel.send(Message(Kind.LENT, 4))  # its descriptor was lost
        assert refusing.next() == Message(Kind.CLOSED, 4)


def test_all_connections_come_back_when_it_is_calm(
    caller: socket.socket, refusing: Refusing
) -> None:
    assert ask(caller, POST + b"Content-Length: 10\r\n\r\n123").startswith(HEAD)
    refusing.channel.send(Message(Kind.CALM))
    message = refusing.next()
    with given(message, Kind.RETURNED):
        assert (message.skip, message.data) == (7, b"")
    eventually(lambda: refusing.counts[Count.OWN] == 0)
    assert caller.recv(10) == b""  # nothing else has it open


def test_a_full_channel_loses_nothing(refusing: Refusing) -> None:
    refusing.begin()
    large = b"GET /v1/items?" + b"x" * 50_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as stack:
        callers = [stack.enter_context(closing(connect(refusing.address))) for _ in range(200)]
        for caller in callers:
            caller.sendall(large)
        eventually(lambda: refusing.counts[Count.OWN] < 200)
        for _ in callers:
            message = refusing.next()
            begun = len(message.data)  # the head came in pieces, perhaps
            with given(message, Kind.GIVEN) as connection:
                while begun < len(large):
                    begun += len(connection.recv(len(large) - begun))
                connection.sendall(b"answer")
        assert {caller.recv(10) for caller in callers} == {b"answer"}


def test_one_address_has_a_limit(refusing: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clients, "group", lambda self, address: "192.0.2.7")  # as if from elsewhere
    refusing.begin(per_client=3, held={"192.0.2.7": 1})
    with ExitStack() as stack:
        callers = [stack.enter_context(closing(connect(refusing.address))) for _ in range(4)]
        assert [ask(caller, SEARCH)[: len(HEAD)] for caller in callers[:2]] == [HEAD, HEAD]
        assert ask(callers[2], SEARCH) == TOO_MANY
        assert callers[2].recv(10) == b""
        refusing.channel.send(Message(Kind.LEFT, data=b"192.0.2.7"))
        callers[0].close()
        callers[3].close()
        eventually(lambda: refusing.counts[Count.OWN] == 1)
        for _ in range(2):
            later = stack.enter_context(closing(connect(refusing.address)))
            assert ask(later, SEARCH).startswith(HEAD)


def test_idle_connections_make_room(refusing: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmembed.server.listener.watched_connections.SPARED_S", 0.0)
    refusing.begin(most=20)
    refusing.counts[Count.CONNECTIONS] = 10
    with ExitStack() as stack:
        for _ in range(60):
            caller = stack.enter_context(closing(connect(refusing.address)))
            assert ask(caller, SEARCH).startswith(HEAD)
        assert refusing.counts[Count.OWN] <= 20 - 10


def test_the_server_is_asked_to_make_room(refusing: Refusing) -> None:
    refusing.counts[Count.CONNECTIONS] = 100
    refusing.begin(most=20)
    with closing(connect(refusing.address)) as caller:
        assert refusing.next().kind == Kind.CROWDED
        refusing.counts[Count.CONNECTIONS] = 10
        assert ask(caller, SEARCH).startswith(HEAD)


def test_slow_callers_are_cut_off(refusing: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusing_process, "TURN_S", 0.01)
    monkeypatch.setattr(refusing_process, "LOOK_S", 0.01)
    refusing.begin(slow_s=0.1)
    beginnings = (b"", SEARCH, POST + b"Content-Length: 90000\r\n\r\n")
    with ExitStack() as stack:
        for beginning in beginnings:
            caller = stack.enter_context(closing(connect(refusing.address)))
            if beginning:
                assert ask(caller, beginning).startswith(HEAD)
            assert caller.recv(10) == b""
    eventually(lambda: refusing.counts[Count.OWN] == 0)


def test_no_descriptor_stays_open() -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = count()
    refusing = Refusing()
    refusing.begin()
    with ExitStack() as stack:
        for request in (SEARCH, LIST, SEARCH[:9], b""):
            for _ in range(5):
                caller = stack.enter_context(closing(connect(refusing.address)))
                caller.sendall(request)
        for _ in range(10):
            message = refusing.next()
            given(message, Kind.GIVEN).close()
            refusing.channel.send(Message(Kind.ENDED, message.number))
        eventually(lambda: refusing.counts[Count.REFUSED_GETS] == 5)
    eventually(lambda: refusing.counts[Count.OWN] == 0)
    refusing.end()
    assert count() == before

"""Connections that end in time: sockets' own timeouts begin anew with every byte."""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


@dataclass(frozen=True)
class Clock:
    """When to give up, by time.monotonic()."""

    until: float

    def left(self) -> float:
        """Seconds, more than 0. Raises TimeoutError."""
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class Wire:
    """A socket for http.client. Raises TimeoutError once the time is over."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self._sock = sock
        self._clock = clock

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._sock.settimeout(self._clock.left())
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """The incoming bytes, for reading."""
        return io.BufferedReader(_Incoming(self._sock, self._clock))

    def close(self) -> None:
        """Nothing: http.client closes before it has read the answer. The `with` closes."""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()


class _Incoming(io.RawIOBase):
    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self._sock = sock
        self._clock = clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        self._sock.settimeout(self._clock.left())
        return self._sock.recv_into(buffer)


def connected(addresses: Sequence[str], port: int, clock: Clock) -> socket.socket:
    """A connection to the first of these addresses that answers. Raises OSError."""
    failure = OSError(0, "its host has no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=clock.left())
        except OSError as error:
            failure = error
    raise failure


def secured(sock: socket.socket, host: str, tls: ssl.SSLContext, clock: Clock) -> socket.socket:
    """The connection over TLS. The certificate must be the host's, whatever its address. Raises
    OSError, and then closes the connection."""
    try:
        sock.settimeout(clock.left())
        return tls.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise

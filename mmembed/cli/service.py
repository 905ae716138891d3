"""Uses the running `mmembed serve` of a data folder: its model is in memory, so a search is quick.
The server leaves its address in the folder, and nothing is sent to any other address. On the
connection that is then used, the server first proves that it wrote the address."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import os
import socket
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmembed import files
from mmembed.config.settings import CATALOG_FILE, Settings
from mmembed.server.access import server_proof

FILE = "serving.json"
HEALTH_TIMEOUT_S = 1.0
"""For the proof, too."""
SEARCH_TIMEOUT_S = 20.0
MOST_BYTES = 64_000_000
"""Bytes of an answer; a longer answer is not trusted."""
FAILURES = (OSError, http.client.HTTPException, ValueError, TypeError, KeyError, AttributeError)
"""The errors of broken files, dead servers and strange answers."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """A server that answers for this data folder alone, and has proven it."""

    host: str
    port: int
    model: str
    line: ServiceConnection = field(repr=False, compare=False)
    key: str | None = field(default=None, repr=False)

    def search(self, query: Json) -> Json | None:
        """The answer of `POST /v1/search`; None if there is none, for any reason."""
        with contextlib.suppress(*FAILURES), self.line:
            return self.line.ask("/v1/search", SEARCH_TIMEOUT_S, query=query, key=self.key)
        return None

    def ask(self, path: str, *, method: str = "GET") -> Json | None:
        """The answer of another route, after which more may be asked; None if there is none, for
        any reason."""
        try:
            return self.line.ask(path, SEARCH_TIMEOUT_S, method=method, key=self.key)
        except FAILURES:
            self.line.close()
        return None


class ServiceConnection:
    """One connection, which is never made anew: the server at its end stays the same."""

    def __init__(self, host: str, port: int) -> None:
        """Raises one of FAILURES if no server listens."""
        self._connection = http.client.HTTPConnection(host, port, timeout=HEALTH_TIMEOUT_S)
        self._connection.connect()
        self._connection.auto_open = 0

    def __enter__(self) -> ServiceConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def ask(
        self,
        path: str,
        timeout_s: float,
        *,
        query: Json | None = None,
        method: str = "GET",
        key: str | None = None,
    ) -> Json:
        """The JSON answer to a query, or to another method without a query. Raises one of FAILURES,
        for answers other than 200 too."""
        if self._connection.sock is None:
            raise http.client.NotConnected
        self._connection.sock.settimeout(timeout_s)
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        body = None if query is None else json.dumps(query).encode()
        self._connection.request(method if body is None else "POST", path, body, headers)
        response = self._connection.getresponse()
        if response.status != 200:
            raise ValueError(response.status)
        answer: Json = json.loads(response.read(MOST_BYTES))
        return answer


def announce(
    settings: Settings, listener: socket.socket, collection: str, secret: str
) -> Path | None:
    """Leave the address of a server, and its secret, in its data folder, readable by its owner
    alone. Returns the file.

    None if the server cannot be reached from this machine's own addresses, or the folder cannot be
    written. None also if another running server has left its address there.
    """
    host = _own_address(listener)
    if host is None or _is_taken(settings):
        return None
    facts = {
        "host": host,
        "port": listener.getsockname()[1],
        "pid": os.getpid(),
        "collection": collection,
        "secret": secret,
        **_expected(settings),
    }
    try:
        files.replace(settings.data / FILE, json.dumps(facts).encode(), mode=files.PRIVATE)
    except OSError:
        return None
    return settings.data / FILE


def _is_taken(settings: Settings) -> bool:
    """Whether the server that left the address runs. A server that is too busy to answer does."""
    try:
        _proven(_read(settings.data / FILE)).close()
    except TimeoutError:
        return True
    except FAILURES:
        return False
    return True


def withdraw(announced: Path, secret: str) -> None:
    """Remove the address, unless it is another server's: process ids are reused."""
    with contextlib.suppress(*FAILURES):
        if _read(announced)["secret"] == secret:
            announced.unlink()


def find(settings: Settings) -> Service | None:
    """The running server of this data folder. It must prove that it left its address there, have
    loaded its model, and answer as these settings would. Files that are stale or broken, or that
    others could have written, are ignored."""
    with contextlib.suppress(*FAILURES):
        left = _read(settings.data / FILE)
        if {name: left[name] for name in _expected(settings)} != _expected(settings):
            return None
        line = _proven(left)
        try:
            return _fit(line, left, settings)
        except FAILURES:
            line.close()
    return None


def _fit(line: ServiceConnection, left: Json, settings: Settings) -> Service:
    health = line.ask("/health", HEALTH_TIMEOUT_S)
    if health["status"] != "ok" or health["collection"] != left["collection"]:
        raise ValueError("it does not serve this collection")
    # An empty folder belongs to no model yet: the settings name the model.
    if not health["items"] or settings.model not in ("auto", health["model"]):
        raise ValueError("it serves another model")
    key = next(iter(settings.api_keys), None)
    return Service(left["host"], int(left["port"]), health["model"], line, key)


def _read(path: Path) -> Json:
    """The file that a server of this very user left. Raises one of FAILURES otherwise."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, encoding="utf-8") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise PermissionError(f"{path}: others could read or write it")
        if status.st_uid != os.geteuid():
            raise PermissionError(f"{path}: another user's")
        left: Json = json.loads(file.read(MOST_BYTES))
        return left


def _proven(left: Json) -> ServiceConnection:
    """A connection to the server that left the address. Raises one of FAILURES if another one
    listens there, or none."""
    host, port, secret = left["host"], int(left["port"]), left["secret"]
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"{host}: another machine")
    line = ServiceConnection(host, port)
    try:
        nonce = server_proof.new_secret()
        said = line.ask(f"{server_proof.PATH}?nonce={nonce}", HEALTH_TIMEOUT_S)["proof"]
        if not server_proof.is_proven(said, secret, nonce, port):
            raise ValueError(f"{host}:{port}: another server")
    except BaseException:
        line.close()
        raise
    return line


def _expected(settings: Settings) -> Json:
    """Values that must be equal for both: the very file of the catalog, not a copy, or the
    database, and the settings that affect the order of results."""
    if settings.store:
        return {"catalog": settings.place, "exact_limit": settings.exact_limit}
    status = (settings.data / CATALOG_FILE).stat()
    catalog = [status.st_dev, status.st_ino]
    return {"catalog": catalog, "exact_limit": settings.exact_limit}


def _own_address(listener: socket.socket) -> str | None:
    address = ipaddress.ip_address(listener.getsockname()[0])
    if address.is_unspecified:  # listens on all
        return "127.0.0.1" if address.version == 4 else "::1"
    return str(address) if address.is_loopback else None

"""The running `mmembed serve` of a data folder: it has the model in memory, so that a search
through it takes no time. It leaves its address in the folder; nothing is asked of any other."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import os
import socket
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmembed.config import CATALOG_FILE, Settings

FILE = "serving.json"
HEALTH_TIMEOUT_S = 1.0
SEARCH_TIMEOUT_S = 20.0
MOST_BYTES = 64_000_000
"""Of an answer; whoever answers more is not believed."""
FAILURES = (OSError, http.client.HTTPException, ValueError, TypeError, KeyError, AttributeError)
"""What broken files, dead servers and strange answers lead to."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """A server that answers for this data folder and for no other."""

    host: str
    port: int
    model: str
    key: str | None = field(default=None, repr=False)

    def search(self, query: Json) -> Json | None:
        """The answer of `POST /v1/search`; None where there is none, for whatever reason."""
        with contextlib.suppress(*FAILURES):
            return _ask(
                self.host, self.port, "/v1/search", SEARCH_TIMEOUT_S, query=query, key=self.key
            )
        return None


def announce(settings: Settings, listener: socket.socket, collection: str) -> Path | None:
    """Leave the address of a server in its data folder, readable by its owner alone; the file.

    None where the server cannot be reached from this machine's own addresses, or the folder
    cannot be written.
    """
    host = _own_address(listener)
    if host is None:
        return None
    facts = {
        "host": host,
        "port": listener.getsockname()[1],
        "pid": os.getpid(),
        "collection": collection,
        **_expected(settings),
    }
    try:
        _write(settings.data / FILE, json.dumps(facts))
    except OSError:
        return None
    return settings.data / FILE


def _write(path: Path, text: str) -> None:
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(aside, path)
    except OSError:
        os.unlink(aside)
        raise


def withdraw(announced: Path) -> None:
    """Take the address away again, unless another server has put its own there."""
    with contextlib.suppress(*FAILURES):
        if json.loads(announced.read_text("utf-8"))["pid"] == os.getpid():
            announced.unlink()


def find(settings: Settings) -> Service | None:
    """The server of this data folder, if one runs, answers, has loaded its model, and would
    answer as these settings would. Files that are stale or broken count for nothing."""
    with contextlib.suppress(*FAILURES):
        left = json.loads((settings.data / FILE).read_text("utf-8"))
        host, port = left["host"], int(left["port"])
        if not ipaddress.ip_address(host).is_loopback:
            return None
        if {name: left[name] for name in _expected(settings)} != _expected(settings):
            return None
        health = _ask(host, port, "/health", HEALTH_TIMEOUT_S)
        if health["status"] != "ok" or health["collection"] != left["collection"]:
            return None
        # An empty folder belongs to no model yet: which one is meant is for the settings to say.
        if health["items"] and settings.model in ("auto", health["model"]):
            return Service(host, port, health["model"], next(iter(settings.api_keys), None))
    return None


def _expected(settings: Settings) -> Json:
    """What must be the same for both: the very file of the catalog, not a copy of it, and what
    decides over the order of results."""
    status = (settings.data / CATALOG_FILE).stat()
    catalog = [status.st_dev, status.st_ino]
    return {"catalog": catalog, "exact_limit": settings.exact_limit}


def _own_address(listener: socket.socket) -> str | None:
    address = ipaddress.ip_address(listener.getsockname()[0])
    if address.is_unspecified:  # listens on all
        return "127.0.0.1" if address.version == 4 else "::1"
    return str(address) if address.is_loopback else None


def _ask(
    host: str,
    port: int,
    path: str,
    timeout_s: float,
    *,
    query: Json | None = None,
    key: str | None = None,
) -> Json:
    """The JSON answer to a query, or without one of GET. Raises one of FAILURES, for answers
    other than 200 too."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        body = None if query is None else json.dumps(query).encode()
        connection.request("GET" if body is None else "POST", path, body, headers)
        response = connection.getresponse()
        if response.status != 200:
            raise ValueError(response.status)
        answer: Json = json.loads(response.read(MOST_BYTES))
        return answer

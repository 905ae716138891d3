"""Mixed texts and images, one request at a time and then from many clients at once: requests a
second, and whether everybody got the vector of what they sent.

    mmembed serve --model bundled --port 8000
    python benchmarks/mixed_load.py http://127.0.0.1:8000 --clients 64 --requests 1024

The server's caches are of no help: what is sent again is the same picture or text in other bytes.
Clients are threads of this process, which shares the machine with the server.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import itertools
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

GALLERY = Path(__file__).parent.parent / "fixtures" / "gallery"
SAME = 0.9999
"""Cosine of two vectors of the same input, whatever batch it was in."""

Vectors = NDArray[np.float32]
"""float32 (n, dim)."""


@dataclass(frozen=True)
class Loaded:
    """What many requests gave. vectors: float32 (n, dim), in the order of the requests."""

    vectors: Vectors
    seconds: float


def requests(count: int, salt: int) -> list[dict[str, Any]]:
    """Captions and pictures of the gallery in turns. Another salt (0 up) changes the bytes, and
    nothing that a model sees: blanks after a text, bytes after the end of a JPEG file."""
    pictures = sorted(GALLERY.glob("*.jpg"))
    bodies: list[dict[str, Any]] = []
    for number in range(count):
        path = pictures[number // 2 % len(pictures)]
        more = salt * count + number + 1
        if number % 2:
            text = path.with_suffix(".txt").read_text("utf-8").strip()
            blanks = f"{more:b}".translate({ord("0"): " ", ord("1"): "\t"})
            bodies.append({"input": text + blanks})
        else:
            data = base64.b64encode(path.read_bytes() + b"%d" % more).decode()
            uri = f"data:image/jpeg;base64,{data}"
            bodies.append({"input": uri, "modality": "image"})
    return [{**body, "encoding_format": "base64"} for body in bodies]


def ask_all(address: str, bodies: Sequence[dict[str, Any]], clients: int) -> Loaded:
    """Every client sends the next request as soon as it has the answer to its last. Raises
    RuntimeError for any answer but 200."""
    raw = [json.dumps(body).encode() for body in bodies]
    own = threading.local()
    opened: list[http.client.HTTPConnection] = []

    def ask(body: bytes) -> Vectors:
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=300)
            opened.append(own.connection)
        own.connection.request("POST", "/v1/embeddings", body)
        response = own.connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {answer[:200]!r}")
        return np.frombuffer(base64.b64decode(json.loads(answer)["data"][0]["embedding"]), "<f4")

    with ThreadPoolExecutor(clients) as pool:
        started = time.perf_counter()
        rows = list(pool.map(ask, raw))
        seconds = time.perf_counter() - started
    for connection in opened:
        connection.close()
    return Loaded(np.stack(rows), seconds)


def wrong(found: Vectors, alone: Vectors) -> int:
    """How many vectors are not those that the same inputs have alone."""
    return int(((found * alone).sum(axis=1) < SAME).sum())


def main() -> None:
    """Print both ways, and keep them as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("server", metavar="ADDRESS")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3, help="of both ways, in turns")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    asked = parser.parse_args()
    salts = itertools.count(int(time.time()))  # unlike those of earlier runs
    ask_all(asked.server, requests(32, next(salts)), 4)  # warm
    found = []
    for _ in range(asked.rounds):
        one = ask_all(asked.server, requests(asked.requests, next(salts)), 1)
        many = ask_all(asked.server, requests(asked.requests, next(salts)), asked.clients)
        rates = [asked.requests / way.seconds for way in (one, many)]
        found.append({"one": rates[0], "many": rates[1], "wrong": wrong(many.vectors, one.vectors)})
        print(
            f"one at a time {rates[0]:7.1f} requests/s   {asked.clients} clients {rates[1]:7.1f} "
            f"requests/s   ×{rates[1] / rates[0]:.1f}   wrong vectors {found[-1]['wrong']}"
        )
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

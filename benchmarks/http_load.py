"""Requests a second, p50 and p99 of running servers under 1 to 128 clients.

    mmembed serve --data FOLDER --port 8000
    python benchmarks/plain_server.py --data FOLDER --port 8001
    python benchmarks/http_load.py http://127.0.0.1:8000 http://127.0.0.1:8001 --json load.json

The servers are asked in turns. Clients are threads of processes of their own, and keep their
connections. Kinds of requests: `search` (words that nobody asked for before), `repeated` (the
same few words), `embed` (an image, as a data URI), `image` (search by an image: mmembed alone).
"""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import itertools
import json
import multiprocessing
import random
import statistics
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from PIL import Image

_WORDS = (
    "red green small large dog cat boat house tree street snow beach night people car bird horse "
    "bridge river mountain child woman man hat umbrella train bicycle flower garden table chair "
    "window door lamp book cup bottle bread fish apple cake guitar ball kite road field forest "
    "lake cloud rain sun winter summer old new wooden white black yellow blue"
)
WORDS = _WORDS.split()
"""Five of them are a query that is as long as people's, and that nobody asked for before."""
KINDS = ("search", "repeated", "embed", "image")
Request = tuple[str, str, bytes | None]
JSON = {"Content-Type": "application/json"}


def photograph(seed: int) -> bytes:
    """A JPEG file of 640 × 480 noise that is smooth enough to look like a photograph's size."""
    small = Image.frombytes("RGB", (32, 24), random.Random(seed).randbytes(32 * 24 * 3))
    buffer = io.BytesIO()
    small.resize((640, 480), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def unseen(images: list[bytes]) -> str:
    """A data URI of one of them, with bytes after its end that make it another file: servers may
    remember what they embedded."""
    data = random.choice(images) + random.randbytes(12)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def request(kind: str, images: list[bytes]) -> Request:
    """Method, path and body of a request."""
    if kind in ("search", "repeated"):
        words = random.choices(WORDS, k=5) if kind == "search" else WORDS[:1]
        return "GET", f"/v1/search?k=20&q={quote(' '.join(words))}", None
    image = unseen(images)
    if kind == "embed":
        return (
            "POST",
            "/v1/embeddings",
            json.dumps({"input": [image], "modality": "image"}).encode(),
        )
    return "POST", "/v1/search", json.dumps({"query": [{"image": image}]}).encode()


def client(address: str, kind: str, until: float, images: list[bytes], spent: list[float]) -> None:
    """Ask over one connection until the time is up; seconds per answer."""
    at = urlsplit(address)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=120)
    while True:
        method, path, body = request(kind, images)
        started = time.perf_counter()
        connection.request(method, path, body, JSON if body else {})
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"{address}{path[:80]}: {response.status}")
        spent.append(time.perf_counter() - started)
        if time.monotonic() > until:
            break
    connection.close()


def crowd(address: str, kind: str, clients: int, seconds: float, answer: Any) -> None:
    """A process of clients; puts the seconds of all their requests into the queue."""
    images = [photograph(seed) for seed in range(8)] if kind in ("embed", "image") else []
    spent: list[float] = []
    until = time.monotonic() + seconds
    arguments = (address, kind, until, images, spent)
    threads = [threading.Thread(target=client, args=arguments) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer.put(spent)


def measure(address: str, kind: str, clients: int, seconds: float) -> dict[str, Any]:
    """Load one server from a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=crowd, args=(address, kind, clients, seconds, answer))
    process.start()
    spent = sorted(answer.get())
    process.join()
    percentile = spent[min(len(spent) - 1, int(0.99 * len(spent)))]
    return {
        "address": address,
        "kind": kind,
        "clients": clients,
        "requests": len(spent),
        "requests_per_s": clients * len(spent) / sum(spent),
        "p50_ms": statistics.median(spent) * 1000,
        "p99_ms": percentile * 1000,
    }


def main() -> None:
    """Print a table, and keep it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("servers", nargs="+", metavar="ADDRESS")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["search", "embed"])
    parser.add_argument("--seconds", type=float, default=10.0, help="for each figure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    asked = parser.parse_args()
    found = []
    print(f"{'server':<26}{'kind':<10}{'clients':>8}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}")
    for kind, clients, address in itertools.product(asked.kinds, asked.clients, asked.servers):
        one = measure(address, kind, clients, asked.seconds)
        found.append(one)
        print(
            f"{address:<26}{kind:<10}{clients:>8}{one['requests_per_s']:>12.1f}"
            f"{one['p50_ms']:>9.1f}{one['p99_ms']:>9.1f}"
        )
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

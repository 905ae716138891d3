"""A stand-in for the server: the page's own files and canned answers, without a model.

`python -m tests.web.standin [--photos DIR] [--port N]` serves it for work on the page.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, unquote, urlsplit

from tests.web.pictures import Collection, Row, drawn_collection, photo_collection
from tests.web.uploads import Upload, multipart

WEB = Path(__file__).parents[2] / "web"
PAGES = {"/": "index.html", "/docs": "docs.html"}
PROGRAM = ".venv/bin/mmembed"
INDEX_COMMAND = f"{PROGRAM} index ~/Pictures --data photos"
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass
class Behaviour:
    """What a test may change while the server runs."""

    collection: Collection
    delay_s: dict[str, float] = field(default_factory=dict)
    """Seconds to wait before an answer whose request line or words hold the key."""
    broken: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Status and message to answer with, by path."""
    requests: list[tuple[str, str, object]] = field(default_factory=list)
    """Method, target and JSON body of every request for an answer."""


class Refusal(Exception):
    """An answer in the API's error shape."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def _answer(self, body: bytes | None) -> None:
        url = urlsplit(self.path)
        try:
            if url.path in PAGES or url.path.startswith("/static/"):
                self._send_file(PAGES.get(url.path) or url.path.removeprefix("/static/"))
            elif url.path.startswith("/v1/items/") and url.path.endswith(("image", "thumbnail")):
                data = self.server.behaviour.collection.by_id(int(url.path.split("/")[3])).data()
                self._send(200, "image/webp" if data[8:12] == b"WEBP" else "image/jpeg", data)
            else:
                self._send_json(200, self._route(url.path, parse_qs(url.query), body))
        except Refusal as refusal:
            error = {"message": str(refusal), "type": "invalid_request", "param": None, "code": ""}
            self._send_json(refusal.status, {"error": error, "detail": str(refusal)})

    def _route(self, path: str, query: dict[str, list[str]], body: bytes | None) -> object:
        behaviour = self.server.behaviour
        kind = self.headers.get("Content-Type", "")
        json_body = json.loads(body) if body and kind == "application/json" else None
        behaviour.requests.append((self.command, self.path, json_body))
        said = unquote(self.path.replace("+", " ")) + json.dumps(json_body)
        time.sleep(next((s for key, s in behaviour.delay_s.items() if key in said), 0))
        if path in behaviour.broken:
            raise Refusal(*behaviour.broken[path])
        options = json_body or {name: values[0] for name, values in query.items()}
        if path == "/v1/classify" and json_body is None:
            return behaviour.classify(*multipart(kind, body or b""))
        return behaviour.answer(path, options)

    def _send_file(self, name: str) -> None:
        file = WEB / name
        if not file.is_file():
            raise Refusal(404, f"{name}: no such file")
        self._send(200, mimetypes.guess_type(name)[0] or "text/plain", file.read_bytes())

    def _send_json(self, status: int, answer: object) -> None:
        self._send(status, "application/json", json.dumps(answer).encode())

    def _send(self, status: int, kind: str, data: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Security-Policy", POLICY)
            if self.path.startswith("/static/"):
                self.send_header("Cache-Control", "max-age=60")
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:
            self.close_connection = True  # the page has turned to something else


class StandIn(ThreadingHTTPServer):
    """Serves on a free port of 127.0.0.1 for as long as a `with` block lasts."""

    daemon_threads = True

    def __init__(self, collection: Collection, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.behaviour = Canned(collection)
        self.address = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no news."""

    def __enter__(self) -> StandIn:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self.server_close()


class Canned(Behaviour):
    """The answers: ranked by shared words and by mean colour, which is enough to tell."""

    def answer(self, path: str, options: dict[str, object]) -> object:
        if path == "/health":
            return self.health()
        if path == "/v1/about":
            return {"version": "1", "program": PROGRAM, "index": INDEX_COMMAND}
        if path == "/openapi.json":
            return json.loads((Path(__file__).parent / "openapi.json").read_text("utf-8"))
        if path == "/v1/items":
            rows = [row for row in self.collection.rows if row.kind == options.get("kind", "image")]
            shown = [row.brief() for row in rows]
            return {**_page(shown, "items", options), "total": len(rows)}
        if path.startswith("/v1/items/"):
            return self._row(path.split("/")[3]).full()
        if path == "/v1/search":
            return self.search(options)
        if path == "/v1/classify":
            images, labels = options["images"], options["labels"]
            assert isinstance(images, list)
            assert isinstance(labels, list)
            uploads = [self._row(str(image["item"])).upload() for image in images]
            return self.classify(uploads, labels)
        raise Refusal(404, f"{path}: no such route")

    def health(self) -> dict[str, object]:
        rows = self.collection.rows
        images = sum(row.kind == "image" for row in rows)
        counts = {"items": len(rows), "images": images, "captions": len(rows) - images}
        about = {"status": "ok", "model": "bundled", "engine": "torch", "dim": 256}
        return {**about, **counts, "notice": None, "version": "0.1.0"}

    def search(self, options: dict[str, object]) -> object:
        terms = options.get("query") or [{"text": options.get("q", "")}]
        assert isinstance(terms, list)
        kind = options.get("kind", "image")
        scored = [
            (sum(self.collection.likeness(term, row) for term in terms) / len(terms), row)
            for row in self.collection.rows
            if row.kind == kind
        ]
        scored.sort(key=lambda pair: (-pair[0], pair[1].id))
        hits = [
            {**row.brief(), "score": round(score * 0.4, 4), "relevance": round(score, 4)}
            for score, row in scored
        ]
        answer = _page(hits, "hits", {**options, "limit": options.get("k", 20)})
        return {**answer, "model": "bundled", "took_ms": 3, "notes": []}

    def classify(self, uploads: list[Upload], labels: list[str]) -> object:
        results = [
            {"index": index, "name": upload.name, **self.collection.label(upload, labels)}
            for index, upload in enumerate(uploads)
        ]
        return {"results": results, "model": "bundled", "mode": "softmax"}

    def _row(self, text: str) -> Row:
        try:
            return self.collection.by_id(int(text))
        except (KeyError, ValueError):
            raise Refusal(404, f"There is no item {text}.") from None


def _page(
    rows: list[dict[str, object]], name: str, options: dict[str, object]
) -> dict[str, object]:
    start, limit = int(str(options.get("cursor", 0))), int(str(options.get("limit", 20)))
    end = start + limit
    return {name: rows[start:end], "next_cursor": str(end) if end < len(rows) else None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="a folder with pictures and captions.jsonl")
    parser.add_argument("--port", type=int, default=8010)
    options = parser.parse_args()
    collection = photo_collection(options.photos) if options.photos else drawn_collection()
    with StandIn(collection, options.port):
        threading.Event().wait()


if __name__ == "__main__":
    main()

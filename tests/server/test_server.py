"""What all routes share: pages, errors, the guard, limits, health, many callers at once."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from mmembed import errors
from mmembed.server import answer_shapes
from mmembed.server.app import create_app
from mmembed.server.dialects import answers as dialects
from mmembed.server.error_answers import STATUS
from mmembed.server.routes import health
from tests.fake_encoder import FakeEncoder
from tests.serving import (
    ADDRESS,
    PATIENCE_S,
    Gate,
    add,
    data_uri,
    error_of,
    eventually,
    open_collection,
    picture,
    serving,
    write_pictures,
)

JSON = dict[str, Any]
HARDENED = ("content-security-policy", "x-content-type-options", "referrer-policy")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("collection")
    with serving(folder, max_upload_mb=0.2, allowed_hosts=("Photos.example", "x:9")) as (
        client,
        _,
    ):
        add(client, "red", caption="a red field", tags=["b", "a"])
        yield client


# -- pages and the description of the API --------------------------------------------


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_come_from_here_alone(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    files = re.findall(r'(?:src|href)="(/static/[^"#]+)', answer.text)
    assert files
    for file in files:
        found = client.get(file)
        assert found.status_code == 200, file
        assert found.headers["cache-control"] == "no-cache"


def test_every_route_is_described(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    methods = {(method, path) for path, ways in described["paths"].items() for method in ways}
    assert methods == {
        ("get", "/v1/search"),
        ("post", "/v1/search"),
        ("post", "/v1/classify"),
        ("get", "/v1/items"),
        ("post", "/v1/items"),
        ("get", "/v1/items/{item_id}"),
        ("patch", "/v1/items/{item_id}"),
        ("delete", "/v1/items/{item_id}"),
        ("get", "/v1/items/{item_id}/image"),
        ("get", "/v1/items/{item_id}/thumbnail"),
        ("post", "/v1/embeddings"),
        ("post", "/embeddings"),
        ("get", "/v1/models"),
        ("get", "/models"),
        ("get", "/v1/models/{model}"),
        ("get", "/models/{model}"),
        ("post", "/v2/embed"),
        ("post", "/v1/multimodalembeddings"),
        ("get", "/ping"),
        ("post", "/predict"),
        ("post", "/v1/session"),
        ("delete", "/v1/session"),
        ("get", "/health"),
        ("get", "/v1/health"),
        ("get", "/ready"),
        ("get", "/v1/about"),
        ("get", "/metrics"),
    }
    for path, ways in described["paths"].items():
        for method, operation in ways.items():
            assert operation["description"], path
            assert ("requestBody" in operation) == (method in ("post", "patch")), path
            assert {"401", "422", "500"} <= set(operation["responses"]), path


def test_every_reference_in_the_description_leads_somewhere(client: TestClient) -> None:
    answer = client.get("/openapi.json")
    schemas = answer.json()["components"]["schemas"]
    references = re.findall(r'"\$ref":"([^"]+)"', answer.text)
    assert "#/components/schemas/ImageShape" in references
    for reference in references:
        assert reference.removeprefix("#/components/schemas/") in schemas
    assert set(schemas["HitAnswer"]["properties"]) >= {"id", "score", "relevance", "links"}
    assert schemas["ClassifyRequest"]["required"] == ["images", "labels"]
    assert "$defs" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "shape"),
    [
        ("GET", "/v1/search?q=red", None, answer_shapes.SearchAnswer),
        ("POST", "/v1/search", {"q": "red", "kind": "caption"}, answer_shapes.SearchAnswer),
        ("GET", "/v1/items", None, answer_shapes.ItemsAnswer),
        ("GET", "/v1/items/1", None, answer_shapes.WholeItem),
        ("GET", "/v1/items/2", None, answer_shapes.WholeItem),
        ("PATCH", "/v1/items/1", {"tags": ["a"]}, answer_shapes.WholeItem),
        ("POST", "/v1/items", {"caption": "a lone caption"}, answer_shapes.WholeItem),
        ("POST", "/v1/embeddings", {"input": ["a", "b"]}, dialects.EmbeddingsAnswer),
        (
            "POST",
            "/v1/embeddings",
            {"input": ["a", " "], "encoding_format": "base64", "errors": "item"},
            dialects.EmbeddingsAnswer,
        ),
        (
            "POST",
            "/v1/embeddings",
            {"input": "a", "dimensions": 8, "allow_untrained_dimensions": True},
            dialects.EmbeddingsAnswer,
        ),
        (
            "POST",
            "/v2/embed",
            {
                "images": [data_uri(picture()), "no image"],
                "embedding_types": ["float", "int8", "uint8", "binary", "ubinary", "base64"],
                "errors": "item",
            },
            dialects.CohereAnswer,
        ),
        ("POST", "/v1/multimodalembeddings", {"inputs": ["a"]}, dialects.VoyageAnswer),
        (
            "POST",
            "/v1/classify",
            {"images": [{"item": 1}, "no image"], "labels": ["red", "blue"]},
            answer_shapes.ClassifyAnswer,
        ),
        ("GET", "/v1/models", None, dialects.ModelsAnswer),
        ("GET", "/v1/models/fake", None, dialects.ModelAnswer),
        ("GET", "/health", None, answer_shapes.HealthAnswer),
    ],
)
def test_answers_have_the_described_shape(
    client: TestClient, method: str, path: str, body: Any, shape: type[BaseModel]
) -> None:
    """Exactly: nothing is missing, nothing is too much, and no type has to be converted."""
    answer = client.request(method, path, json=body)
    assert answer.status_code in (200, 201), answer.text
    assert answer.headers["content-type"] == "application/json"
    read = shape.model_validate_json(answer.content, strict=True)
    assert read.model_dump(exclude_unset=True) == answer.json()


@pytest.mark.parametrize("path", ["/", "/docs", "/health", "/v1/items", "/v1/search?q=red"])
def test_head_is_get_without_the_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_a_slash_too_many_is_forgiven(client: TestClient) -> None:
    assert client.get("/v1/items/").status_code == 200
    assert client.post("/v1/search/", json={"q": "red"}).status_code == 200


# -- errors --------------------------------------------------------------------------


def test_every_error_has_a_status() -> None:
    def tree(kind: type[errors.MmembedError]) -> set[type[errors.MmembedError]]:
        return {kind}.union(*map(tree, kind.__subclasses__()))

    ours = {kind for kind in tree(errors.MmembedError) if kind.__module__ == errors.__name__}
    assert set(STATUS) == ours
    assert all(400 <= status < 600 for status in STATUS.values())


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/nowhere", 404, "GET /nowhere: Not Found; the routes are at /docs"),
        ("GET", "/static/nowhere.js", 404, "the routes are at /docs"),
        ("GET", "/v1/classify", 405, "GET /v1/classify: Method Not Allowed"),
        ("PUT", "/v1/items/1", 405, "Method Not Allowed"),
        ("DELETE", "/v1/search", 405, "Method Not Allowed"),
        ("PATCH", "/", 405, "Method Not Allowed"),
    ],
)
def test_routes_that_are_not_there(
    client: TestClient, method: str, path: str, status: int, said: str
) -> None:
    answer = client.request(method, path)
    assert said in error_of(answer, status)
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"labels=cat", b"\xff\xfe", b'"\\ud800"', b"[" * 10_000, b'{"q": ' * 1000],
)
@pytest.mark.parametrize("path", ["/v1/search", "/v1/classify", "/v1/items", "/v1/embeddings"])
def test_bodies_that_are_not_json(client: TestClient, path: str, content: bytes) -> None:
    assert error_of(client.post(path, content=content), 422)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/form-data", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"--y\r\nnonsense"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n"),
        ("Multipart/Form-Data; boundary=" + "x" * 5000, b"--x"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/classify", "/v1/items"])
def test_forms_that_are_broken(client: TestClient, path: str, kind: str, content: bytes) -> None:
    answer = client.post(path, content=content, headers={"Content-Type": kind})
    assert answer.status_code in (400, 422)
    error_of(answer, answer.status_code)


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "rot13", "nothing"])
def test_forms_in_odd_encodings(client: TestClient, charset: str) -> None:
    content = (
        b'--x\r\nContent-Disposition: form-data; name="images"; filename="\\ud800.png"\r\n\r\n'
        + picture("red")
        + b'\r\n--x\r\nContent-Disposition: form-data; name="labels"\r\n\r\n\\udfff\r\n--x--\r\n'
    )
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    answer = client.post("/v1/classify", content=content, headers={"Content-Type": kind})
    assert answer.status_code in (200, 422)


def test_bugs_keep_their_details(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Buggy(FakeEncoder):
        def embed_texts(self, texts: Any) -> Any:
            raise ZeroDivisionError("secret /etc/path")

    with serving(tmp_path, Buggy()) as (client, _):
        answer = client.get("/v1/search?q=red")
    message = error_of(answer, 500)
    assert message == "something went wrong here; the server's log has it"
    assert "secret" not in answer.text
    assert "ZeroDivisionError: secret" in caplog.text
    assert all(name in answer.headers for name in HARDENED)


def test_a_broken_catalog_does_not_tell_where_it_is(tmp_path: Path) -> None:
    with serving(tmp_path) as (client, collection):
        add(client, "red")
        collection.store.close()
        message = error_of(client.get("/v1/items"), 507)
        assert str(tmp_path) not in message
        assert "the data folder" in message
        assert client.get("/health").status_code == 503


# -- the guard -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8000",
        "localhost",
        "LOCALHOST:1",
        "[::1]:8000",
        "192.168.1.20",
        "photos.example",
        "PHOTOS.example:443",
        "x",
    ],
)
def test_hosts_that_are_ours(client: TestClient, host: str) -> None:
    assert client.get("/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example:8000",
        "127.0.0.1:8000/admin",
        "evil.example@127.0.0.1",
        "127.0.0.1:8000@evil.example",
        "[::1",
        "",
        "a b",
    ],
)
def test_foreign_hosts(client: TestClient, host: str) -> None:
    answer = client.get("/v1/models", headers={"Host": host})
    assert "MMEMBED_ALLOWED_HOSTS" in error_of(answer, 400)
    assert all(name in answer.headers for name in HARDENED)


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://127.0.0.1:9999", "null", "http://[", "http://127.0.0.1:8000.x"],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_foreign_origins_change_nothing(client: TestClient, method: str, origin: str) -> None:
    answer = client.request(method, "/v1/items/1", headers={"Origin": origin}, json={})
    assert "not accepted" in error_of(answer, 403)
    assert client.get("/v1/items/1").status_code == 200


def test_our_own_pages_may_post(client: TestClient) -> None:
    for origin in (ADDRESS, ADDRESS.upper()):
        answer = client.post("/v1/search", headers={"Origin": origin}, json={"q": "red"})
        assert answer.status_code == 200
    answer = client.get("/v1/search?q=red", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("allowed", "host", "served"),
    [
        (("*",), "anything.example:8000", True),
        (("*",), "a b", False),
        (("*.example",), "photos.example", True),
        (("*.example",), "a.b.Example:1", True),
        (("*.example",), "example", False),
        (("*.example",), "photosexample", False),
        (("*.example",), "photos.example.evil", False),
        (("bücher.example",), "xn--bcher-kva.example", True),
        (("photos.example",), "photos.example.", True),
    ],
)
def test_which_names_are_allowed(
    tmp_path: Path, allowed: tuple[str, ...], host: str, served: bool
) -> None:
    with serving(tmp_path, allowed_hosts=allowed) as (client, _):
        answer = client.get("/v1/models", headers={"Host": host})
    assert answer.status_code == (200 if served else 400)


def raw(app: Any, path: str, version: str, *headers: tuple[bytes, bytes]) -> int:
    """The status of a GET as a server hands it on, with these headers alone."""
    sent: list[Any] = []
    body = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if not body:
            await asyncio.Event().wait()  # the caller stays
        return body.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": version,
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": list(headers),
    }
    asyncio.run(app(scope, receive, send))
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize("path", ["/ping", "/", "/docs", "/static/app.js"])
def test_checks_of_balancers_name_no_host(client: TestClient, path: str) -> None:
    """HTTP/1.0 needs none, and no browser speaks it."""
    assert raw(client.app, path, "1.0") == 200
    assert raw(client.app, path, "1.1") == 400
    assert raw(client.app, path, "1.0", (b"host", b"evil.example")) == 400
    assert raw(client.app, path, "1.0", (b"host", b"")) == 400


PICTURE = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FRAME = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("how", [PICTURE, LINK, FRAME, {"Sec-Fetch-Mode": "cors"}, {}])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/items/1/thumbnail"),
        ("GET", "/v1/items/1/image"),
        ("GET", "/v1/search?q=red"),
        ("HEAD", "/v1/search?q=red"),
        ("POST", "/v1/search"),
        ("POST", "/v1/embeddings"),
        ("GET", "/health"),
        ("GET", "/metrics"),
    ],
)
def test_pages_of_other_sites_are_not_answered(
    client: TestClient, site: str, how: dict[str, str], method: str, path: str
) -> None:
    answer = client.request(method, path, headers={"Sec-Fetch-Site": site, **how})
    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_page_and_persons_are(client: TestClient, site: str) -> None:
    for path in ("/", "/v1/items/1/thumbnail", "/v1/search?q=red"):
        assert client.get(path, headers={"Sec-Fetch-Site": site}).status_code == 200


@pytest.mark.parametrize(("how", "status"), [(LINK, 200), (FRAME, 403), (PICTURE, 403)])
@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_link_on_another_site_leads_to_the_page(
    client: TestClient, path: str, how: dict[str, str], status: int
) -> None:
    answer = client.get(path, headers={"Sec-Fetch-Site": "cross-site", **how})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("host", "origin", "accepted"),
    [
        ("photos.example", "https://photos.example:8443", True),  # the proxy dropped the port
        ("127.0.0.1", "https://127.0.0.1:8443", True),
        ("127.0.0.1:8000", "https://photos.example:8443", True),  # it asks by another name
        ("127.0.0.1:8000", "https://photos.example", True),
        ("photos.example:8443", "https://photos.example:8443", True),
        ("photos.example", "https://evil.example", False),
        ("photos.example", "https://photos.example.evil", False),
        ("127.0.0.1:8000", "http://127.0.0.1:9999", False),
        ("127.0.0.1:8000", "http://localhost:9999", False),
        ("photos.example", "null", False),
    ],
)
def test_pages_behind_a_proxy(client: TestClient, host: str, origin: str, accepted: bool) -> None:
    headers = {"Host": host, "Origin": origin}
    answer = client.post("/v1/search", headers=headers, json={"q": "red"})
    assert answer.status_code == (200 if accepted else 403)


@pytest.mark.parametrize(
    "path", ["/", "/health", "/nowhere", "/v1/items", "/v1/items/1/image", "/static/app.js"]
)
def test_every_answer_is_hardened(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"]


# -- limits --------------------------------------------------------------------------


def test_a_body_that_says_it_is_too_large(client: TestClient) -> None:
    answer = client.post("/v1/search", content=b"x" * 200_001)
    message = error_of(answer, 413)
    assert message == ("the request has 200001 bytes, limit 200000; raise MMEMBED_MAX_UPLOAD_MB")
    assert answer.headers["connection"] == "close"
    assert all(name in answer.headers for name in HARDENED)


@pytest.mark.parametrize("path", ["/v1/search", "/v1/classify", "/v1/items/1"])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_that_turns_out_too_large(client: TestClient, path: str, kind: str) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        yield b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n'
        while read < 10_000_000:
            read += 10_000
            yield b"x" * 10_000

    method = "PATCH" if "items" in path else "POST"
    answer = client.request(method, path, content=endless(), headers={"Content-Type": kind})
    assert "limit 200000; raise MMEMBED_MAX_UPLOAD_MB" in error_of(answer, 413)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_that_never_ends_is_not_waited_for(client: TestClient, kind: str) -> None:
    """As a server sees it, because the test client sends its bodies whole."""
    parts = [b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n']
    sent: list[JSON] = []

    async def receive() -> JSON:
        parts.append(b"x" * 10_000)
        return {"type": "http.request", "body": parts[-2], "more_body": True}

    async def send(message: Any) -> None:
        sent.append({**message, "parts": len(parts)})

    headers = {"host": "localhost", "transfer-encoding": "chunked", "content-type": kind}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/classify",
        "raw_path": b"/v1/classify",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    app: Any = client.app
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert [one["parts"] for one in sent[:2]] == [22, 22]  # the answer is out by then


def test_a_body_within_the_limit_is_read(client: TestClient) -> None:
    padded = b'{"q": "red"}' + b" " * 150_000
    for _ in range(20):  # what was counted is given back
        answer = client.post("/v1/search", content=padded)
        assert answer.status_code == 200
        assert "connection" not in answer.headers


def test_a_full_queue_says_when_to_come_back(tmp_path: Path) -> None:
    gate = Gate()
    with serving(tmp_path, gate, max_queue=2) as (client, _), ThreadPoolExecutor(8) as pool:
        client.get("/v1/search?q=warm")
        gate.close()
        waiting = [pool.submit(client.get, "/v1/search?q=red") for _ in range(2)]
        eventually(gate.reached.is_set)
        app: Any = client.app
        eventually(lambda: in_progress(app) == 2)
        refused = client.get("/v1/search?q=red")
        gate.open.set()
        assert [one.result().status_code for one in waiting] == [200, 200]
        message = error_of(refused, 429)
        assert "MMEMBED_MAX_QUEUE" in message
        assert refused.headers["retry-after"] == "1"
        assert client.get("/v1/search?q=red").status_code == 200


def in_progress(app: Any) -> int:
    """How many requests that need a model the app is at."""
    return int(app.state.lanes.models.running)


# -- health --------------------------------------------------------------------------


def test_health_says_what_answers(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    with serving(tmp_path, encoder) as (client, _):
        add(client, "red", caption="a red field")
        before = len(encoder.batches)
        answer = client.get("/health")
    assert answer.status_code == 200
    assert len(encoder.batches) == before + 1
    body = answer.json()
    assert body["status"] == "ok"
    assert (body["model"], body["engine"], body["dim"]) == ("fake", "fake", 16)
    assert (body["items"], body["images"], body["captions"]) == (2, 1, 1)


@pytest.mark.parametrize(
    "error", [errors.ModelError("fake: gives no numbers"), RuntimeError("at 0x7f00")]
)
def test_a_failing_model_is_not_healthy(tmp_path: Path, error: Exception) -> None:
    class Failing(FakeEncoder):
        def embed_texts(self, texts: Any) -> Any:
            raise error

    with serving(tmp_path, Failing()) as (client, _):
        answer = client.get("/health")
    assert answer.status_code == 503
    body = answer.json()
    assert body["status"] == "failing"
    assert body["error"]["message"] == body["detail"]
    assert "0x7f00" not in answer.text


def test_a_model_that_cannot_be_loaded_is_not_healthy(tmp_path: Path) -> None:
    collection = open_collection(tmp_path)

    def broken() -> Any:
        raise errors.ModelError("fake: there is no such folder")

    collection.embedder.model._load = broken
    with TestClient(create_app(collection), base_url=ADDRESS) as client:
        assert client.get("/health").json()["status"] == "failing"
        assert "no such folder" in error_of(client.get("/v1/search?q=red"), 503)


def test_a_busy_model_is_healthy(tmp_path: Path) -> None:
    """A probe would wait behind all the others, and say nothing of them."""
    gate = Gate()
    with serving(tmp_path, gate) as (client, collection), ThreadPoolExecutor(60) as pool:
        assert client.get("/v1/search?q=first").status_code == 200
        gate.close()
        running = pool.submit(client.get, "/v1/search?q=red")
        eventually(gate.reached.is_set)
        waiting = [pool.submit(client.get, "/v1/search?q=red") for _ in range(50)]
        eventually(collection.embedder.busy)
        answer = client.get("/health")
        gate.open.set()
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        assert {one.result().status_code for one in [running, *waiting]} == {200}


def test_a_stuck_model_is_not_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE_S", 0.05)
    monkeypatch.setattr("mmembed.models.on_demand.ALIVE_S", 0.0)
    gate = Gate()
    with serving(tmp_path, gate) as (client, _):
        eventually(lambda: client.get("/health").status_code == 200)
        gate.close()
        answer = client.get("/health")
        assert answer.status_code == 503
        assert "has not answered" in answer.json()["detail"]
        gate.open.set()
        eventually(lambda: client.get("/health").status_code == 200)


def test_a_model_that_still_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE_S", 0.05)
    collection = open_collection(tmp_path)
    loaded = threading.Event()

    def slowly() -> FakeEncoder:
        assert loaded.wait(60)
        return FakeEncoder()

    collection.embedder.model._load = slowly
    with TestClient(create_app(collection), base_url=ADDRESS) as client:
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "loading")
        assert client.get("/v1/items").status_code == 200
        loaded.set()
        eventually(lambda: client.get("/health").status_code == 200)


# -- many callers at once ------------------------------------------------------------


def test_many_callers_while_the_collection_grows(tmp_path: Path) -> None:
    colours = ["red", "green", "blue", "yellow"]
    folder = tmp_path / "photos"
    for number in range(30):
        write_pictures(folder / str(number), colours)
    broken = data_uri(picture("red")[:50])
    with serving(tmp_path / "data") as (client, collection), ThreadPoolExecutor(32) as pool:
        for colour in colours:
            add(client, colour, caption=f"a {colour} field")

        def search(colour: str) -> bool:
            hits = client.get(f"/v1/search?q={colour}&kind=caption&k=1").json()["hits"]
            return bool(hits[0]["caption"] == f"a {colour} field")

        def classify(colour: str) -> bool:
            body = {"images": [broken, data_uri(picture(colour))], "labels": colours}
            bad, good = client.post("/v1/classify", json=body).json()["results"]
            return bool(bad["error"]["code"] == 422 and good["labels"][0]["label"] == colour)

        def upload(colour: str) -> bool:
            body = {"caption": f"a {colour} thing among others"}
            return client.post("/v1/items", json=body).status_code == 201

        def spoil(colour: str) -> bool:
            return client.post("/v1/items", json={"image": broken}).status_code == 422

        actions: list[Callable[[str], bool]] = [search, classify, upload, spoil]
        indexing = pool.submit(collection.index, [folder], progress=lambda *_: None)
        done = [pool.submit(actions[n % 4], colours[n // 4 % 4]) for n in range(256)]
        assert [n for n, one in enumerate(done) if not one.result()] == []
        assert indexing.result().failures == []
        assert client.get("/v1/items?kind=image").json()["total"] == 4 + 120
        k = 124
        hits = client.get(f"/v1/search?q=red&k={k}").json()["hits"]
        assert len({hit["id"] for hit in hits}) == k
        assert len({hit["score"] for hit in hits[:31]}) == 1


def test_shutting_down_publishes_and_closes_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path, exact_limit=0) as (client, collection):
        add(client, "red")
        collection.rebuild()
        add(client, "blue")
        stamp = tmp_path / "images.usearch.json"
        assert json.loads(stamp.read_bytes())["count"] == 1
    assert json.loads(stamp.read_bytes())["count"] == 2
    collection.close()
    assert not caplog.records


def test_views_that_cannot_be_saved_do_not_spoil_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as (client, collection):
        add(client, "red")

        def full() -> None:
            raise errors.StoreError("no space left")

        monkeypatch.setattr(collection, "publish", full)
    assert "no space left" in caplog.text


def test_the_end_does_not_wait_for_a_model_that_still_loads(tmp_path: Path) -> None:
    collection = open_collection(tmp_path)
    started, go_on = threading.Event(), threading.Event()
    encoder = FakeEncoder()

    def slowly() -> FakeEncoder:
        started.set()
        assert go_on.wait(PATIENCE_S)
        return encoder

    collection.embedder.model._load = slowly
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(lambda: collection.embedder.encoder.embed_texts(["red"]))
        assert started.wait(PATIENCE_S)
        assert collection.embedder.loading
        collection.close()  # returns before the model is there
        assert not asking.done()
        go_on.set()
        with pytest.raises(errors.Overloaded, match="shutting down"):
            asking.result(PATIENCE_S)
    assert encoder.batches == []


def test_a_health_question_is_answered_while_the_model_loads(tmp_path: Path) -> None:
    collection = open_collection(tmp_path)
    started, go_on = threading.Event(), threading.Event()

    def slowly() -> FakeEncoder:
        started.set()
        assert go_on.wait(PATIENCE_S)
        return FakeEncoder()

    collection.embedder.model._load = slowly
    with TestClient(create_app(collection), base_url=ADDRESS) as client:
        with ThreadPoolExecutor(1) as pool:
            searching = pool.submit(client.get, "/v1/search?q=red")
            assert started.wait(PATIENCE_S)
            for _ in range(3):
                answer = client.get("/health")
                assert (answer.status_code, answer.json()["status"]) == (503, "loading")
            go_on.set()
            assert searching.result(PATIENCE_S).status_code == 200
        assert client.get("/health").status_code == 200


def test_health_is_not_answered_from_what_is_remembered(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    with serving(tmp_path, encoder) as (client, _):
        for _ in range(3):
            assert client.get("/health").status_code == 200
            assert client.get("/v1/search?q=red").status_code == 200
    assert encoder.batches == [1, 1, 1, 1]  # three for health, one for the words

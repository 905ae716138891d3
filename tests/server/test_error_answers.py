"""Every error has a status and one shape, and says nothing of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmembed import errors
from mmembed.server.error_answers import STATUS
from tests.fake_encoder import FakeEncoder
from tests.serving import HARDENED, add, error_of, picture, serving


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


@pytest.mark.slow
def test_a_broken_catalog_does_not_tell_where_it_is(tmp_path: Path) -> None:
    with serving(tmp_path) as (client, collection):
        add(client, "red")
        collection.store.close()
        message = error_of(client.get("/v1/items"), 507)
        assert str(tmp_path) not in message
        assert "the data folder" in message
        assert client.get("/health").status_code == 503

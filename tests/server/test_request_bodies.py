"""How bodies may be encoded, whatever the route."""

from __future__ import annotations

import codecs
import gzip
import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.serving import error_of, serving

ROUTES = (
    ("POST", "/v1/search", {"q": "red"}),
    ("POST", "/v1/embeddings", {"input": "red"}),
    ("POST", "/v2/embed", {"texts": ["red"]}),
    ("POST", "/v1/multimodalembeddings", {"inputs": ["red"]}),
    ("POST", "/v1/items", {"caption": "red"}),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with serving(tmp_path_factory.mktemp("collection")) as (client, _):
        yield client


@pytest.mark.parametrize(("method", "route", "body"), ROUTES)
def test_a_byte_order_mark_is_read_over(
    client: TestClient, method: str, route: str, body: dict[str, object]
) -> None:
    plain = json.dumps(body).encode()
    marked = client.request(method, route, content=codecs.BOM_UTF8 + plain)
    assert marked.status_code == client.request(method, route, content=plain).status_code < 300


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_another_encoding_of_json_is_named(client: TestClient, encoding: str) -> None:
    answer = client.post("/v1/search", content=json.dumps({"q": "red"}).encode(encoding))
    assert "send it in UTF-8" in error_of(answer, 422)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate, gzip"])
@pytest.mark.parametrize(("method", "route", "body"), ROUTES)
def test_a_compressed_body_is_refused_by_name(
    client: TestClient, method: str, route: str, body: dict[str, object], encoding: str
) -> None:
    packed = gzip.compress(json.dumps(body).encode())
    headers = {"Content-Encoding": encoding}
    answer = client.request(method, route, content=packed, headers=headers)
    assert f"Content-Encoding: {encoding}: " in error_of(answer, 415)


def test_a_compressed_form_is_refused_by_name(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"}
    answer = client.post("/v1/items", content=gzip.compress(b"--x--"), headers=headers)
    assert "Content-Encoding: gzip" in error_of(answer, 415)


def test_identity_is_no_compression(client: TestClient) -> None:
    headers = {"Content-Encoding": "identity"}
    assert client.post("/v1/search", json={"q": "red"}, headers=headers).status_code == 200

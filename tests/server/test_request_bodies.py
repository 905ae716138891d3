"""How bodies may be encoded, whatever the route."""

from __future__ import annotations

import base64
import codecs
import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import cast
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from mmembed.collection.collection import Collection
from mmembed.errors import ImageError
from mmembed.server.request_bodies import image_bytes, is_data_uri
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


NOWHERE = cast(Collection, None)
"""It is asked for addresses alone."""
DATA = bytes(range(256)) * 3
HOSTILE = 300_000


@pytest.mark.parametrize(
    "payload",
    [
        base64.b64encode(DATA).decode(),
        quote(base64.b64encode(DATA), safe=""),
        "".join(f"%{byte:02x}" for byte in base64.b64encode(DATA)),
        base64.encodebytes(DATA).decode().replace("\n", "\r\n"),
    ],
)
def test_data_may_be_escaped_and_broken_into_lines(payload: str) -> None:
    assert image_bytes(f"data:image/png;base64,{payload}", "image", NOWHERE) == DATA


@pytest.mark.parametrize("payload", ["QUJD%", "QU%4", "QU%zz", "QU%%3D", "é%3D"])
def test_broken_escapes_are_refused(payload: str) -> None:
    with pytest.raises(ImageError, match="neither a data URI nor base64"):
        image_bytes(f"data:image/png;base64,{payload}", "image", NOWHERE)


@pytest.mark.parametrize(
    "read",
    [
        lambda: image_bytes("data:;base64," + "%41" * HOSTILE, "image", NOWHERE),
        lambda: image_bytes("data:;base64," + "AB\n" * HOSTILE, "image", NOWHERE),
        lambda: is_data_uri("data:a/b" + ";a=b" * HOSTILE),
        lambda: is_data_uri("data:a/b" + ";a=b" * HOSTILE + ",AAAA"),
    ],
)
def test_a_data_uri_takes_a_few_times_its_own_size(read: Callable[[], object]) -> None:
    tracemalloc.start()
    try:
        read()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 4 * HOSTILE

"""A whole collection in PostgreSQL whose uploads lie in S3."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.errors import NotFound, StoreAway, StoreError
from tests.fake_encoder import COLOURS, FakeEncoder
from tests.postgres_server import address
from tests.s3_server import s3_address

pytestmark = pytest.mark.scale


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), COLOURS[colour]).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def places() -> dict[str, str]:
    return {"store": address(), "blobs": s3_address()}


@pytest.fixture
def opened(tmp_path: Path, places: dict[str, str]) -> Iterator[Any]:
    """`opened("a")`: the collection, as the server with this data folder sees it."""
    collections: list[Collection] = []

    def open_at(name: str, **changes: str) -> Collection:
        values = {**places, "data": tmp_path / name, "model": "fake", "bank": "off", **changes}
        settings = Settings.from_env({}, **values)
        collections.append(Collection(settings, load=lambda _: FakeEncoder()))
        return collections[-1]

    yield open_at
    store: Any = collections[0].store
    with store._connections.transaction() as session:
        session.run(f'DROP SCHEMA "{store._connections.address.schema}" CASCADE')
    for collection in collections:
        collection.close()


def test_an_upload_at_one_server_is_shown_by_another(opened: Any) -> None:
    one, other = opened("one"), opened("other")
    assert one.troubles_of_files() == []
    item = one.add_image(png("red"), name="red.png", tags=["new"])
    with other.original(item.id).file as file:
        assert file.read() == png("red")
    content, _ = other.thumbnail(item.id, 320)
    assert Image.open(io.BytesIO(content)).size == (64, 64)
    assert one.store.blobs.thumbnail(item.sha256, 320) == content
    other.remove(item.id)
    with pytest.raises(NotFound):
        one.original(item.id)
    assert one.store.blobs.thumbnail(item.sha256, 320) is None
    assert one.store.blobs.collect() == 0, "nothing is left"


def test_an_object_store_that_is_away_fails_uploads_and_no_search(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened("one").add_image(png("red"), name="red.png")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    alone = opened("other")
    before = time.monotonic()
    with pytest.raises(StoreAway, match=r"s3://test-.* cannot be") as failure:
        alone.add_image(png("blue"), name="blue.png")
    assert time.monotonic() - before < 60
    assert "secret-of-tests" not in str(failure.value)
    assert alone.store.count("image") == 1
    assert [trouble.code for trouble in alone.troubles_of_files()] == ["blobs_away"]
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_bucket_that_is_not_there_is_named(opened: Any) -> None:
    lost = opened("one", blobs="s3://no-such-bucket-at-all/photos")
    with pytest.raises(StoreError, match=r"s3://no-such-bucket-at-all/.*no such bucket$"):
        lost.add_image(png("red"), name="red.png")
    assert lost.store.count("image") == 0
    [trouble] = lost.troubles_of_files()
    assert (trouble.code, "no such bucket" in trouble.message) == ("blobs_away", True)

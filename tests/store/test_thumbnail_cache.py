"""Thumbnails from the decoding that the model needs anyway."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmembed import files
from mmembed.collection.collection import Collection
from mmembed.ingest import keep_thumbnail
from mmembed.media.decode import decode, thumbnail
from mmembed.store import thumbnail_cache
from mmembed.store.blobs import FolderBlobs
from mmembed.store.sqlite import Catalog
from tests.fake_encoder import FakeEncoder
from tests.pictures import GALLERY, encoded

MakePicture = Callable[..., Path]
OpenCollection = Callable[..., Collection]


def kept(folder: Path) -> dict[str, bytes]:
    """The thumbnails of a data folder by the beginning of their names, the content's hash."""
    found = thumbnail_cache.folder_in(folder).rglob("*.webp")
    return {path.name.partition("-")[0]: files.read_sealed(path, about=path.name) for path in found}


def indexed(collection: Collection, *paths: Path) -> Collection:
    report = collection.index(paths, progress=lambda *_: None)
    assert not report.failures
    return collection


def photograph(size: tuple[int, int]) -> bytes:
    """A JPEG file of a gallery picture."""
    with Image.open(GALLERY / "banana-beside-a-sneaker-274.jpg") as image:
        return encoded(image.convert("RGB").resize(size), "JPEG", quality=90)


def test_indexing_keeps_thumbnails_where_it_is_asked_to(
    open_collection: OpenCollection, picture: MakePicture
) -> None:
    paths = [picture(f"{colour}.png", colour) for colour in ("red", "blue")]
    assert not kept(indexed(open_collection(), paths[0]).settings.data)
    collection = indexed(open_collection(thumbnails=True), *paths)
    [content] = kept(collection.settings.data).values()  # the first was embedded before
    path = str(paths[1])
    item = next(
        one for one in collection.store.page(after=0, limit=9, kind="image") if one.path == path
    )
    assert content == thumbnail(decode(path).image)
    assert collection.thumbnail(item.id, 320)[0] == content


def test_vectors_are_the_same_with_thumbnails(
    open_collection: OpenCollection, photos: Path, tmp_path: Path
) -> None:
    for number, size in enumerate([(640, 480), (1033, 777), (500, 500)]):
        (photos / f"{number}.jpg").write_bytes(photograph(size))
    with_and_without = []
    for on in (True, False):
        collection = indexed(open_collection(data=tmp_path / f"{on}", thumbnails=on), photos)
        hashes = [one.sha256 for one in collection.store.page(after=0, limit=9, kind="image")]
        with_and_without.append(collection.store.embeddings_of("image", hashes))
    first, second = with_and_without
    assert len(first) == 3
    assert all(np.array_equal(first[sha256], second[sha256]) for sha256 in first)


def test_thumbnails_that_are_there_are_left_alone(catalog: Catalog) -> None:
    picture, blobs = decode(photograph((640, 480))), FolderBlobs(catalog)
    keep_thumbnail(blobs, "ab" * 32, picture)
    [path] = catalog.folder.rglob("*.webp")
    path.write_bytes(b"as it was")
    keep_thumbnail(blobs, "ab" * 32, picture)
    assert path.read_bytes() == b"as it was"


def test_a_picture_that_was_shrunk_too_far_gives_no_thumbnail(
    open_collection: OpenCollection, encoder: FakeEncoder
) -> None:
    collection = open_collection(thumbnails=True)
    data = photograph((640, 480))
    assert max(decode(data, side=encoder.facts.decode_side).image.size) < 320
    item = collection.add_image(data, name="a")
    assert not kept(collection.settings.data)
    with Image.open(io.BytesIO(collection.thumbnail(item.id, 320)[0])) as image:
        assert image.size == (320, 240)


@pytest.mark.parametrize("size", [(2066, 1162), (1200, 1200), (320, 200), (30, 20), (641, 33)])
def test_a_thumbnail_of_a_shrunk_picture_looks_like_one_of_the_whole(
    catalog: Catalog, size: tuple[int, int]
) -> None:
    data = photograph(size)
    whole = decode(data)
    keep_thumbnail(FolderBlobs(catalog), "ab" * 32, decode(data, side=448))
    with Image.open(io.BytesIO(thumbnail(whole.image))) as expected:
        [found] = kept(catalog.folder).values()
        with Image.open(io.BytesIO(found)) as image:
            assert image.size == expected.size
            difference = np.asarray(image, np.int16) - np.asarray(expected)
    assert np.abs(difference).mean() < 1.5


def test_indexing_goes_on_where_thumbnails_cannot_be_kept(
    open_collection: OpenCollection, picture: MakePicture
) -> None:
    collection = open_collection(thumbnails=True)
    thumbnail_cache.folder_in(collection.settings.data).write_text("in the way")
    indexed(collection, picture())
    assert collection.store.count("image") == 1


def test_an_upload_has_its_thumbnail_at_once(
    collection: Collection, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "facts", replace(encoder.facts, decode_side=448))
    item = collection.add_image(photograph((1600, 1200)), name="a")
    content = kept(collection.settings.data)[item.sha256]
    monkeypatch.setattr(
        "mmembed.collection.editing.decode", lambda *_, **__: pytest.fail("decoded again")
    )
    assert collection.thumbnail(item.id, 320)[0] == content
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (320, 240)

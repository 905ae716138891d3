"""Collections without a model, and pictures to put into them."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.ingest import Report
from mmembed.store.entries import ImageEntry, Model
from mmembed.store.sqlite import Catalog
from tests.fake_encoder import COLOURS, FakeEncoder

pytest_plugins = ("tests.network_audit.plugin", "tests.workers")

MakePicture = Callable[..., Path]
OpenCollection = Callable[..., Collection]
Index = Callable[..., Report]


# Embedding the bank would change counts and orders at some moment.
os.environ["MMEMBED_BANK"] = "off"

LEFT_OUT_AS_A_WHOLE = re.compile(r"^pytestmark = pytest\.mark\.(slow|scale)$", re.MULTILINE)
"""Says so near the top of a file whose tests do not run before each commit."""


NEEDS_SERVERS = re.compile(r"\bmark\.scale\b")
"""Says so of one of its tests or more. Those of contracts/ have the mark from their fixtures."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files of slow tests are not even imported where those are left out: most of them load torch,
    which takes seconds. Neither are those whose tests need servers, nor others where only those
    are wanted."""
    if collection_path.suffix != ".py":
        return None
    wanted = str(config.getoption("markexpr"))
    if "not slow" in wanted:
        return LEFT_OUT_AS_A_WHOLE.search(collection_path.read_text("utf-8")) is not None or None
    if wanted == "scale" and collection_path.parent.name != "contracts":
        return NEEDS_SERVERS.search(collection_path.read_text("utf-8")) is None or None
    return None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Nothing that is imported or collected becomes garbage: the search for some took seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.fixture(scope="module", autouse=True)
def _heap_at_rest() -> None:
    """The garbage collector passes over what was there before this module.

    Otherwise it walks through half a million objects of imports and collected tests, again and
    again: most of a short test's time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """An empty folder for pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def picture(photos: Path) -> MakePicture:
    """`picture("a.png", "red", seed=1)`: a file in `photos`; another seed, another content."""

    def make(name: str = "a.png", colour: str = "red", *, seed: int = 0) -> Path:
        image = Image.new("RGB", (16, 16), COLOURS[colour])
        if seed:
            corner = np.random.default_rng(seed).integers(0, 255, 3)
            image.paste((int(corner[0]), int(corner[1]), int(corner[2])), (0, 0, 4, 4))
        path = photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
        return path

    return make


@pytest.fixture
def encoder() -> FakeEncoder:
    """The encoder of the collections of this test; `batches` counts its calls."""
    return FakeEncoder()


@pytest.fixture
def open_collection(tmp_path: Path, encoder: FakeEncoder) -> Iterator[OpenCollection]:
    """Opens the collection of `tmp_path`, again and again; all are closed at the end."""
    opened: list[Collection] = []

    def open_one(**settings: Any) -> Collection:
        fixed = {"model": "fake", "decode_threads": 2, "bank": "off"}
        fixed |= {"data": tmp_path / "data", "cache": tmp_path / "cache"}
        chosen = {**fixed, **settings}
        collection = Collection(Settings.from_env({}, **chosen), load=lambda name: encoder)
        opened.append(collection)
        return collection

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def collection(open_collection: OpenCollection) -> Collection:
    """An empty collection that embeds colours."""
    return open_collection()


@pytest.fixture
def index(collection: Collection, photos: Path) -> Index:
    """`index()` brings the collection up to `photos`, or to the paths given."""

    def run(*paths: Path, **options: Any) -> Report:
        return collection.index(list(paths) or [photos], progress=_quietly, **options)

    return run


@pytest.fixture
def open_catalog(tmp_path: Path) -> Iterator[Callable[[], Catalog]]:
    """Opens the catalog of `tmp_path / "data"`, claimed for a model of four numbers."""
    opened: list[Catalog] = []

    def open_one() -> Catalog:
        catalog = Catalog(tmp_path / "data")
        opened.append(catalog)
        catalog.claim(Model("four", "fingerprint-of-four", 4))
        return catalog

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def catalog(open_catalog: Callable[[], Catalog]) -> Catalog:
    """A catalog whose vectors have four numbers."""
    return open_catalog()


def image_entry(path: str, vector: Any = (1, 0, 0, 0), **more: Any) -> ImageEntry:
    """`image_entry("/a.jpg", [1, 0, 0, 0])`: an image to write; its content is its path's."""
    embedding = None if vector is None else np.asarray(vector, dtype=np.float32)
    values: dict[str, Any] = {"sha256": f"content of {path}", "embedding": embedding}
    sizes = {"width": 4, "height": 3, "bytes": 99, "format": "JPEG", "mtime_ns": 7}
    return ImageEntry(path=path, **{**values, **sizes, **more})


@pytest.fixture
def entry() -> Callable[..., ImageEntry]:
    """See `image_entry`."""
    return image_entry


def _quietly(done: int, total: int, failed: int) -> None:
    pass

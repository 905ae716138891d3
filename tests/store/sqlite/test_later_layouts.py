"""Catalogs that layouts 2, 3 and 4 wrote open, and keep everything."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.filters.parse import parse_where
from mmembed.store.sqlite import Catalog, schema
from mmembed.types import Term
from tests.fake_encoder import FakeEncoder
from tests.store.sqlite.old_layouts import NAME, ROOT, layout_of

Opened = Callable[[Path], Catalog]


@pytest.fixture(params=[2, 3, 4])
def layout(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def expected(layout: int) -> dict[str, Any]:
    """What the code of that time read."""
    text = (ROOT / "fixtures" / f"layout-{layout}" / "expected.json").read_text()
    read: dict[str, Any] = json.loads(text)
    return read


@pytest.fixture
def folder(tmp_path: Path, layout: int) -> Path:
    """A data folder with the catalog."""
    shutil.copy(ROOT / "fixtures" / f"layout-{layout}" / NAME, tmp_path / NAME)
    assert layout_of(tmp_path) == layout
    return tmp_path


def test_every_item_stays(folder: Path, opened: Opened, expected: dict[str, Any]) -> None:
    catalog = opened(folder)
    assert layout_of(folder) == schema.newest()
    assert catalog.check() == []
    items = []
    for listed in catalog.page(after=0, limit=1000, kind=None):
        item = asdict(catalog.item(listed.id))
        item |= {name: list(item[name]) for name in ("tags", "captions")}
        vector = catalog.vector_of(listed.id).astype("<f2").tobytes()
        item["vector"] = base64.b64encode(vector).decode()
        items.append({key: item[key] for key in expected["items"][0]})
    assert items == expected["items"]


def test_what_is_said_of_images_stays(
    folder: Path, opened: Opened, expected: dict[str, Any]
) -> None:
    catalog = opened(folder)
    images = [item["id"] for item in expected["items"] if item["kind"] == "image"]
    assert {
        str(image_id): {
            "captions": {text: sorted(sources) for text, sources in said.captions.items()},
            "tags": {text: sorted(sources) for text, sources in said.tags.items()},
        }
        for image_id, said in catalog.words_of(images).items()
    } == expected["words"]
    assert catalog.tags() == expected["tags"]
    fields = [asdict(field) for field in catalog.fields() if field.name.startswith("meta.")]
    listed = [field for field in expected["fields"] if field["name"].startswith("meta.")]
    assert json.loads(json.dumps(fields)) == listed


def test_all_that_is_known_of_files_stays(
    folder: Path, opened: Opened, expected: dict[str, Any]
) -> None:
    catalog = opened(folder)
    assert {path: kept.sha256 for path, kept in catalog.kept_out().items()} == expected["kept_out"]
    assert {
        path: list(known.mark) if known.mark else None
        for path, known in catalog.known_files().items()
    } == expected["marks"]
    assert [asdict(failure) for failure in catalog.failures()] == expected["failures"]
    assert catalog.last_change() == expected["last_change"]
    assert catalog.identity == expected["collection"]
    model = catalog.model()
    assert model is not None
    assert asdict(model) == expected["model"]


def test_words_find_the_same_images(folder: Path, opened: Opened, expected: dict[str, Any]) -> None:
    catalog = opened(folder)
    # Layout 2 had no words: they are made of the same captions, tags and names.
    layout_3 = json.loads((ROOT / "fixtures" / "layout-3" / "expected.json").read_text())
    for answer in expected.get("found_by_words", layout_3["found_by_words"]):
        found = catalog.match_words(answer["text"], 99)
        assert found.item_ids.tolist() == answer["items"], answer["text"]
    assert len(expected["items"]) == len(layout_3["items"])


def test_searches_answer_what_they_answered(folder: Path, expected: dict[str, Any]) -> None:
    settings = Settings.from_env({}, data=folder, model="fake", thumbnails=False, bank="off")
    with Collection(settings, load=lambda name: FakeEncoder()) as collection:
        for answer in expected["answers"]:
            page = collection.search(
                [Term(text=answer.get("text"), item=answer.get("item"))],
                k=answer.get("k", 100),
                kind=answer["kind"],
                where=parse_where(answer.get("where", "")),
                mode="picture",
            )
            assert [[hit.item.id, hit.score] for hit in page.hits] == answer["hits"], answer


def test_a_long_caption_is_to_be_cut(
    folder: Path, opened: Opened, expected: dict[str, Any], layout: int
) -> None:
    """It had one vector for all of it; layout 4 has its chunks."""
    if layout == 4:
        chunks = opened(folder).chunks_of([item["id"] for item in expected["items"]])
        assert {str(key): [list(one) for one in some] for key, some in chunks.items()} == expected[
            "chunks"
        ]
        return
    captions = [item["id"] for item in expected["items"] if item["kind"] == "caption"]
    assert [item_id for item_id, _ in opened(folder).uncut_captions(99)] == captions[::-1]

"""Pictures and models that fail cost the run as little as can be."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmembed.collection.collection import Collection
from mmembed.errors import Overloaded, StoreError
from mmembed.ingest import embed_batches, pipeline
from mmembed.types import Box, Embeddings, Pixels
from tests.fake_encoder import FakeEncoder
from tests.ingest.outcomes import Index, MakePicture, captions, counts, ids, three

# -- pictures and models that fail -----------------------------------------------------


def test_a_broken_picture_fails_alone_until_it_is_mended(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    three(picture)
    whole = picture("b.png", "black").read_bytes()
    (photos / "b.png").write_bytes(whole[: len(whole) // 2])
    (photos / "zero.jpg").touch()
    (photos / "text.jpg").write_text("no picture at all")
    report = index()
    assert counts(report) == {"embedded": 3, "failures": 3}
    noted = {Path(f.name).name: f.message for f in collection.store.failures()}
    assert set(noted) == {"b.png", "zero.jpg", "text.jpg"}
    assert noted["zero.jpg"].startswith(str(photos / "zero.jpg"))
    (photos / "b.png").write_bytes(whole)
    (photos / "zero.jpg").unlink()
    report = index()
    assert counts(report) == {"embedded": 1, "unchanged": 3, "failures": 1}
    assert [Path(f.name).name for f in collection.store.failures()] == ["text.jpg"]


UNFORESEEN = "could not be processed (RuntimeError); the log has the details"


class Fragile(FakeEncoder):
    """Raises for pictures that are mostly blue, and gives no number for green ones."""

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        red, green, blue = pixels.mean(axis=(1, 2)).T / 255
        if (blue > 0.6).any():
            raise RuntimeError("blue screen")
        rows = super().embed_preprocessed(pixels)
        rows[(green > 0.5) & (red < 0.4)] = np.nan
        return rows

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        rows = super().embed_texts(texts)
        for row, text in zip(rows, texts, strict=True):
            if "void" in text:
                row[:] = 0
            if "crash" in text:
                raise IndexError("tokens")
        return rows


class TestFragile:
    """A model that fails for one input of a batch."""

    @pytest.fixture
    def encoder(self) -> FakeEncoder:
        return Fragile()

    def test_only_the_picture_that_it_cannot_embed_fails(
        self, collection: Collection, index: Index, picture: MakePicture, photos: Path
    ) -> None:
        three(picture)
        shutil.copy(photos / "blue.png", photos / "blue copy.png")
        picture("black.png", "black")
        report = index()
        assert sorted(ids(collection)) == ["black.png", "red.png"]
        assert {Path(f.name).name: f.message.split(": ", 1)[1] for f in report.failures} == {
            "blue.png": UNFORESEEN,
            "blue copy.png": UNFORESEEN,
            "green.png": "fake: the model gave a vector that is not finite",
        }
        assert len(collection.store.failures()) == 3
        assert counts(report) == {"embedded": 2, "failures": 3}

    def test_only_the_caption_that_it_cannot_embed_fails(
        self, collection: Collection, index: Index, picture: MakePicture
    ) -> None:
        path = picture("red.png")
        path.with_suffix(".txt").write_text("good\nvoid\nbetter\ncrash")
        report = index()
        assert report.embedded == 1
        assert captions(collection, "red.png") == ("good", "better")
        assert [f.code for f in report.failures] == ["ModelError", "ProcessingError"]
        path.with_suffix(".txt").write_text("void\nbest")
        report = index()
        assert captions(collection, "red.png") == ("best",)
        assert len(report.failures) == 1


def test_preprocessing_that_fails_costs_one_picture(
    index: Index, picture: MakePicture, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def preprocess(image: Image.Image, box: Box | None = None) -> Pixels:
        if image.getpixel((0, 0)) == (220, 30, 30):
            raise ZeroDivisionError("red")
        return FakeEncoder.preprocess(encoder, image, box)

    monkeypatch.setattr(encoder, "preprocess", preprocess)
    three(picture)
    report = index()
    assert counts(report) == {"embedded": 2, "failures": 1}
    assert report.failures[0].code == "ProcessingError"


def test_a_busy_model_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    busy = iter([True, True, False])

    def embed(_: Sequence[int]) -> Embeddings:
        if next(busy):
            raise Overloaded("full")
        return np.ones((2, 3), np.float32)

    assert len(embed_batches.embed_each([1, 2], embed)) == 2
    monkeypatch.setattr(embed_batches, "PATIENCE", 3)

    def never(_: Sequence[int]) -> Embeddings:
        raise Overloaded("full")

    with pytest.raises(Overloaded):
        embed_batches.embed_each([1, 2], never)


def test_a_model_that_cannot_be_loaded_is_no_failure_of_the_pictures(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> FakeEncoder:
        raise StoreError("no such model")

    monkeypatch.setattr(collection.embedder.model, "_load", broken)
    picture()
    with pytest.raises(StoreError, match="no such model"):
        index()
    assert collection.store.failures() == []


# -- interruptions and others at work --------------------------------------------------


def test_a_content_that_comes_again_in_the_next_group_is_embedded_once(
    index: Index, picture: MakePicture, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "COMMIT_IMAGES", 1)
    for name in "abcdef":
        picture(f"{name}.png", "red")
    assert counts(index()) == {"embedded": 1, "copies": 5}
    assert encoder.batches == [1]

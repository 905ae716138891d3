"""Whatever is wrong with one file, row or text: it alone fails, and the others are indexed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import StoreError, Unstorable
from mmembed.ingest import embed, image_texts, manifests, prepare, sidecars, take_files, walk
from mmembed.media import decode
from mmembed.store.sqlite import Catalog
from mmembed.types import Embeddings, Failure
from tests.conftest import Index, MakePicture
from tests.fake_encoder import FakeEncoder


def names(collection: Collection) -> list[str]:
    return sorted(Path(path).name for path in collection.store.known_files())


def test_an_entry_that_no_row_can_hold_costs_no_other(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the way of a batch, a move and a mark."""
    for number in range(5):
        picture(f"{number}.png", seed=number + 1)
    real = prepare._entry

    def entry(source: Any, sha256: str) -> Any:
        made = real(source, sha256)
        if source.path.endswith("2.png"):
            object.__setattr__(made, "format", "\ud800")
            object.__setattr__(made, "mark", (2**80, 0, 0))
        return made

    monkeypatch.setattr(prepare, "_entry", entry)
    report = index()
    [failure] = report.failures
    assert failure.name.endswith("2.png")
    assert failure.code == "Unstorable"
    assert (report.embedded, names(collection)) == (4, ["0.png", "1.png", "3.png", "4.png"])
    assert [f.name for f in collection.store.failures()] == [failure.name]


def test_data_are_told_from_the_disk(catalog: Catalog, entry: Callable[..., Any]) -> None:
    for odd in ({"path": "/\ud800"}, {"width": 2**70}, {"format": object()}):
        with pytest.raises(Unstorable):
            catalog.write([entry(**{"path": "/a", **odd})])
    catalog._connection.execute("PRAGMA query_only = on")
    with pytest.raises(StoreError) as error:
        catalog.write([entry("/a")])
    assert not isinstance(error.value, Unstorable)


class Cursed(FakeEncoder):
    """What it is given that is blue ends in an error that is no Exception."""

    def embed_preprocessed(self, pixels: Any) -> Embeddings:
        if (pixels.mean(axis=(1, 2))[:, 2] > 150).any():
            raise Panic("the model panicked")
        return super().embed_preprocessed(pixels)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        if any("panic" in text for text in texts):
            raise Panic("the tokenizer panicked")
        return super().embed_texts(texts)


class Panic(BaseException):
    """As libraries in Rust raise it."""


class TestCursed:
    @pytest.fixture
    def encoder(self) -> FakeEncoder:
        return Cursed()

    def test_a_panic_is_a_failure_of_one(
        self, collection: Collection, index: Index, picture: MakePicture
    ) -> None:
        picture("blue.png", "blue")
        picture("red.png").with_suffix(".txt").write_text("panic\nfine")
        report = index()
        assert names(collection) == ["red.png"]
        assert sorted(Path(f.name).name for f in report.failures) == ["blue.png", "red.png"]
        [item] = collection.store.page(after=0, limit=9, kind="image")
        assert collection.store.item(item.id).captions == ("fine",)


Break = Callable[[pytest.MonkeyPatch, Callable[[Any], bool]], None]


def breaking(owner: Any, name: str, error: BaseException) -> Break:
    """Has a function raise where its first argument is the bad file's."""

    def patch(monkeypatch: pytest.MonkeyPatch, is_bad: Callable[[Any], bool]) -> None:
        real = getattr(owner, name)

        def broken(*arguments: Any, **options: Any) -> Any:
            if any(is_bad(one) for one in arguments):
                raise error
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, broken)

    return patch


STAGES = {
    "scan": breaking(take_files, "stat_of", ZeroDivisionError("scan")),
    "looking at an entry": breaking(walk, "is_folder", ValueError("entry")),
    "reading": breaking(prepare, "read_file", MemoryError()),
    "the entry": breaking(prepare, "_entry", KeyError("entry")),
    "embedding": breaking(embed, "replace", AssertionError("embedding")),
}


@pytest.mark.parametrize("stage", STAGES)
def test_an_unexpected_error_of_one_file_is_its_failure_and_logged_once(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    stage: str,
) -> None:
    for colour in ("red", "green", "blue"):
        picture(f"{colour}.png", colour)
    bad = str(picture("bad.png", "black"))

    def is_bad(one: Any) -> bool:
        path = getattr(one, "path", getattr(getattr(one, "source", None), "path", one))
        if isinstance(one, os.stat_result):
            return one.st_ino == os.lstat(bad).st_ino
        return str(path) == bad

    STAGES[stage](monkeypatch, is_bad)
    with caplog.at_level(logging.ERROR):
        report = index()
    [failure] = report.failures
    assert failure.name == bad
    assert failure.message.startswith(f"{bad}: ")
    assert names(collection) == ["blue.png", "green.png", "red.png"]
    logged = [record for record in caplog.records if record.exc_info]
    assert len(logged) == 1
    assert bad in logged[0].getMessage()


def test_an_unexpected_error_beside_a_picture_costs_its_captions_alone(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture("red.png").with_suffix(".txt").write_text("red words")
    bad = picture("bad.png", "blue").with_suffix(".txt")
    bad.write_text("bad words")
    real = sidecars.read_sidecar

    def read(path: str, *rest: Any) -> Any:
        if path == str(bad):
            raise RecursionError("beside")
        return real(path, *rest)

    monkeypatch.setattr(image_texts, "read_sidecar", read)
    report = index()
    assert names(collection) == ["bad.png", "red.png"]
    [failure] = report.failures
    assert failure.name == str(bad.with_suffix(".png"))
    assert collection.store.count("caption") == 1


def test_an_unexpected_error_of_one_manifest_costs_no_other(
    collection: Collection,
    index: Index,
    picture: MakePicture,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture("red.png")
    (photos / "captions.jsonl").write_text('{"file_name": "red.png", "caption": "a"}')
    (photos / "metadata.jsonl").write_text('{"file_name": "red.png", "caption": "b"}')
    real = manifests.read_manifest

    def read(path: str, **options: Any) -> Any:
        if path.endswith("captions.jsonl"):
            raise RuntimeError("odd")
        return real(path, **options)

    monkeypatch.setattr(manifests, "read_manifest", read)
    report = index()
    assert [Path(f.name).name for f in report.failures] == ["captions.jsonl"]
    assert collection.store.count("caption") == 1


def test_one_image_whose_words_cannot_be_written_costs_no_other(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [picture(f"{colour}.png", colour) for colour in ("red", "green", "blue")]
    index()
    for path in paths:
        path.with_suffix(".txt").write_text(f"words of {path.stem}")
    real = Catalog.describe
    bad = collection.store.known_files()[str(paths[1])].id

    def describe(self: Catalog, described: Sequence[Any]) -> None:
        if any(one[0] == bad for one in described):
            raise ArithmeticError("green")
        real(self, described)

    monkeypatch.setattr(Catalog, "describe", describe)
    report = index()
    assert [f.name for f in report.failures] == [str(paths[1])]
    assert report.recaptioned == 2


def test_progress_that_cannot_be_shown_ends_nothing(
    collection: Collection, picture: MakePicture, caplog: pytest.LogCaptureFixture
) -> None:
    def closed(*_: int) -> None:
        raise BrokenPipeError

    folder = picture().parent
    assert collection.index([folder], progress=closed).embedded == 1
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_a_model_that_is_not_to_be_had_ends_an_indexing_at_once(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> FakeEncoder:
        raise RuntimeError("no such engine")

    monkeypatch.setattr(collection.embedder.model, "_load", broken)
    for number in range(9):
        picture(f"{number}.png", seed=number + 1)
    with pytest.raises(Exception, match="no such engine"):
        index()
    assert collection.store.failures() == []


def test_a_failure_of_a_picture_that_is_there_is_over(
    collection: Collection, index: Index, picture: MakePicture
) -> None:
    """A process may die between the commits of several databases."""
    there, broken = picture("a.png"), picture("b.png", "red")
    broken.write_bytes(b"no picture")
    index()
    collection.store.write([], [Failure(str(there), "ImageError", "it was broken before")])
    assert index().unchanged == 1
    assert [failure.name for failure in collection.store.failures()] == [str(broken)]


def test_a_long_message_is_cut(
    collection: Collection, index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_file(source: str, **_: Any) -> bytes:
        raise ValueError("x" * 100_000 + "\ud800")

    picture()
    monkeypatch.setattr(prepare, "read_file", read_file)
    [failure] = index().failures
    assert len(failure.message) < 2_000
    assert len(collection.store.failures()) == 1


def test_a_deep_folder_is_indexed_or_named(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("red.png")
    here = os.open(photos, os.O_RDONLY)
    try:
        for _ in range(60):  # longer than any path may be
            os.mkdir("d" * 100, dir_fd=here)
            below = os.open("d" * 100, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)
    report = index()
    assert report.embedded == 1
    [failure] = report.failures
    assert "the folder cannot be read: File name too long" in failure.message


def test_decoding_that_waits_for_memory_is_tried_again(
    index: Index, picture: MakePicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmembed.errors import Overloaded

    picture()
    real, tries = decode.decode, iter([True, True, False])

    def busy(*arguments: Any, **options: Any) -> Any:
        if next(tries):
            raise Overloaded("no memory now")
        return real(*arguments, **options)

    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(prepare, "decode", busy)
    report = index()
    assert (report.embedded, report.failures) == (1, [])

"""Retrieval and comparisons, from files to figures, with encoders whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmembed.errors import InputError
from mmembed.eval import compare_retrieval, measure_retrieval, read_captioned, read_labels
from mmembed.types import Embeddings, Pixels
from tests.conftest import MakePicture
from tests.eval.encoders import LIMIT, FixedEncoder, OpenBench, values, write
from tests.fake_encoder import FakeEncoder


@pytest.mark.slow
def test_captions_find_their_pictures(bench: OpenBench, captions: Path) -> None:
    [report] = measure_retrieval(bench(), ["fake"], read_captioned(captions))
    assert report.images == 3
    assert report.as_json()["captions"] == 6
    assert set(report.figures) == {
        "text_to_image_recall_at_1", "text_to_image_median_rank", "image_to_text_recall_at_1",
        "image_to_text_recall_at_5", "image_to_text_median_rank",
    }  # fmt: skip
    assert set(values(report).values()) == {1}


def test_all_ways_to_write_captions_are_the_same(
    captions: Path, photos: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in captions.read_text().splitlines()]
    pairs = "".join(f"{row['file_name']},{text}\n" for row in rows for text in row["captions"])
    manifest = write(tmp_path / "pairs.csv", f"image,caption\n{pairs}")
    found = read_captioned(captions)
    assert read_captioned(manifest, photos) == found
    in_folder = read_captioned(photos)
    assert dict(zip(in_folder.paths, in_folder.captions, strict=True)) == dict(
        zip(found.paths, found.captions, strict=True)
    )


def test_only_some_images(captions: Path, tmp_path: Path) -> None:
    only = write(tmp_path / "split.txt", "red.png\nblue.png\nteal.png\n")
    found = read_captioned(captions, only=only)
    assert [Path(path).name for path in found.paths] == ["red.png", "blue.png"]
    assert found.notes == (f"{only}: 1 of its 3 names are not in {captions}",)
    with pytest.raises(InputError, match="none of its 1 names is an image"):
        read_captioned(captions, only=write(tmp_path / "split.txt", "teal.png\n"))


def test_images_without_caption_are_named(captions: Path, picture: MakePicture) -> None:
    bare = picture("bare.png", "pink")
    found = read_captioned(captions.parent)
    assert [failure.message for failure in found.failures] == [f"{bare}: has no caption"]
    assert len(found.paths) == 3


def test_missing_images_are_named(bench: OpenBench, captions: Path) -> None:
    (captions.parent / "red.png").unlink()
    [report] = measure_retrieval(bench(), ["fake"], read_captioned(captions))
    assert report.images == 2
    assert report.as_json()["captions"] == 4
    assert "no such file" in report.failures[0].message


def test_names_that_are_no_text(bench: OpenBench, captions: Path, tmp_path: Path) -> None:
    row = '{"file_name": "half\\ud800.png", "caption": "half a \\ud800"}\n'
    captions.write_text(row + captions.read_text())
    [report] = measure_retrieval(bench(), ["fake"], read_captioned(captions))
    assert report.images == 3
    assert json.dumps(report.as_json(), ensure_ascii=False).encode()
    assert "half\\ud800.png" in report.failures[0].name
    labels = write(tmp_path / "labels.json", '{"a": "\\ud800", "b": "b"}')
    assert read_labels(["a", "b"], labels, limit=LIMIT).names == (("?",), ("b",))


@pytest.mark.slow
def test_comparing_a_model_with_itself_and_with_a_blind_one(
    bench: OpenBench, captions: Path
) -> None:
    class Blind(FakeEncoder):
        def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
            return super().embed_preprocessed(np.zeros_like(pixels))

    data = read_captioned(captions)
    same = compare_retrieval(bench(FakeEncoder("a"), FakeEncoder("b")), ("a", "b"), data)
    assert not any(one.excludes_zero for one in same.differences.values())
    assert all(one.value == one.low == one.high == 0 for one in same.differences.values())
    other = compare_retrieval(bench(FakeEncoder("a"), Blind("c")), ("a", "c"), data)
    assert values(other.second)["text_to_image_recall_at_1"] == 0, "ties count against"
    assert other.differences["text_to_image_recall_at_1"].value == 1
    assert other.differences["text_to_image_recall_at_1"].excludes_zero
    [(heads, rows)] = other.tables()
    assert heads[:4] == ("figure", "A", "B", "A − B")
    assert rows[0][-1] == "A is higher: the interval excludes 0"
    assert "contains 0" in same.tables()[0][1][0][-1]


@pytest.mark.slow
def test_engines_of_one_model_are_compared_by_their_vectors_too(
    bench: OpenBench, photos: Path, tmp_path: Path
) -> None:
    """Cosines by hand: 1 and 0.8. Two models have none: their vectors are not of one space."""
    for name, red in (("one.png", 10), ("two.png", 20)):
        Image.new("RGB", (8, 8), (red, 0, 0)).save(photos / name)
    rows = "one.png,one\ntwo.png,two\n"
    data = read_captioned(write(tmp_path / "captions.csv", f"image,caption\n{rows}"), photos)
    texts: dict[str, Sequence[float]] = {"one": (1, 0, 0), "two": (0, 1, 0)}
    exact = FixedEncoder({10: (1, 0, 0), 20: (0, 1, 0)}, texts, "exact")
    coarse = FixedEncoder({10: (1, 0, 0), 20: (0, 0.8, 0.6)}, texts, "coarse")
    other = compare_retrieval(bench(exact, coarse), ("exact", "coarse"), data)
    assert other.agreement is None
    assert other.as_json()["cosine"] is None
    coarse.facts = replace(coarse.facts, fingerprint=exact.facts.fingerprint, engine="coarse")
    same = compare_retrieval(bench(exact, coarse), ("exact", "coarse"), data)
    assert (same.first.engine, same.second.engine) == ("fake", "coarse")
    assert same.agreement is not None
    assert same.agreement.mean == pytest.approx(0.9)
    assert same.as_json()["cosine"]["lowest"] == pytest.approx(0.8)

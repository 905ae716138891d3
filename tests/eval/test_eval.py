"""Measurements from files to figures, with encoders whose answers are known."""

from __future__ import annotations

import json
import logging
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmembed.classify import zeroshot
from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.errors import InputError, ManifestError, ModelError, QueryError
from mmembed.eval import (
    Bench,
    Figure,
    Report,
    Task,
    compare_retrieval,
    compare_zero_shot,
    measure_index,
    measure_retrieval,
    measure_zero_shot,
    read_captioned,
    read_labelled,
    read_labels,
    read_templates,
    zero_shot,
)
from mmembed.store.vectors.graph import Graph
from mmembed.types import Embeddings, Pixels
from tests.conftest import Index, MakePicture
from tests.fake_encoder import FakeEncoder
from tests.serving import PATIENCE_S, complaints, environment

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "fixtures" / "gallery"
LIMIT = 2000
SAYS_LABEL = ("{}",)

OpenBench = Callable[..., Bench]


class FixedEncoder(FakeEncoder):
    """A picture's red channel says which vector it gets; a text's is looked up."""

    def __init__(
        self,
        images: dict[int, Sequence[float]],
        texts: dict[str, Sequence[float]],
        name: str = "fixed",
    ) -> None:
        super().__init__(name)
        self.facts = replace(self.facts, dim=3, logit_scale=float(np.log(4) / 0.2))
        self.images, self.texts = images, texts

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        self.batches.append(len(pixels))
        reds = pixels[:, 0, 0, 0]
        return np.array([self.images[int(red)] for red in reds], np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        self.batches.append(len(texts))
        return np.array([self.texts[text] for text in texts], np.float32)


def nobody(what: str, done: int, total: int, failed: int) -> None:
    pass


@pytest.fixture
def bench(tmp_path: Path, encoder: FakeEncoder) -> OpenBench:
    """`bench(encoder)` measures that encoder; its vectors are kept below `tmp_path`."""

    def make(*encoders: FakeEncoder, cached: bool = True, **settings: Any) -> Bench:
        by_name = {one.facts.name: one for one in encoders or [encoder]}
        chosen = {"data": tmp_path / "data", "model": "fake", "decode_threads": 2, **settings}
        return Bench(Settings.from_env({}, **chosen), nobody, cached, lambda name: by_name[name])

    return make


@pytest.fixture
def classes(photos: Path, picture: MakePicture) -> Path:
    """Red, green and blue pictures in folders of their colours, two of each."""
    for colour in ("red", "green", "blue"):
        picture(f"{colour}/a.png", colour, seed=1)
        picture(f"{colour}/deeper/b.png", colour, seed=2)
    return photos


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def task(data: Path, labels: Path | None = None, **options: Any) -> Task:
    found = read_labelled(data)
    names = read_labels(found.classes, labels, limit=LIMIT, **options)
    return Task(found, names, read_templates("short"))


def values(report: Report) -> dict[str, float]:
    return {name: figure.value for name, figure in report.figures.items()}


# -- zero-shot -----------------------------------------------------------------------


def test_colours_are_recognised(bench: OpenBench, classes: Path) -> None:
    [report] = measure_zero_shot(bench(), ["fake"], task(classes))
    assert report.images == 6
    assert report.figures["accuracy_top_1"] == Figure(1, 1, 1)
    assert "accuracy_top_5" not in report.figures, "of three labels, it says nothing"
    assert report.confusions == ()
    assert {(one.name, one.images, one.accuracy) for one in report.classes} == {
        ("red", 2, 1.0), ("green", 2, 1.0), ("blue", 2, 1.0),
    }  # fmt: skip


def test_figures_by_hand(bench: OpenBench, photos: Path) -> None:
    """Two cats, of which one looks like a dog, and a dog."""
    for name, red in (("cat/1.png", 10), ("cat/2.png", 20), ("dog/3.png", 30)):
        path = photos / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (red, 0, 0)).save(path)
    encoder = FixedEncoder(
        {10: (1, 0, 0), 20: (0.6, 0.8, 0), 30: (0, 1, 0)}, {"cat": (1, 0, 0), "dog": (0, 1, 0)}
    )
    data = read_labelled(photos)
    prompts = read_templates(str(write(photos.parent / "t.txt", "{}\n")))
    labels = read_labels(data.classes, None, limit=LIMIT)
    [report] = measure_zero_shot(bench(encoder), ["fixed"], Task(data, labels, prompts))
    found = values(report)
    assert found["accuracy_top_1"] == pytest.approx(2 / 3)
    assert found["mean_accuracy_per_class"] == pytest.approx(0.75)
    sure, unsure = 4**5 / (4**5 + 1), 4 / 5
    # Two in the last bin are right, one in another is wrong.
    expected = 2 / 3 * (1 - sure) + 1 / 3 * unsure
    assert found["expected_calibration_error"] == pytest.approx(expected, abs=1e-5)
    assert [(one.true, one.predicted, one.images) for one in report.confusions] == [
        ("cat", "dog", 1)
    ]
    assert [(one.name, one.accuracy) for one in report.classes] == [("cat", 0.5), ("dog", 1)]


def test_a_label_is_embedded_as_classification_does_it(bench: OpenBench, classes: Path) -> None:
    encoder = FakeEncoder()
    asked = task(classes)
    with bench(encoder).model("fake") as model:
        ours = zero_shot.label_matrix(model, asked.labels, asked.templates)
    names = [one[0] for one in asked.labels.names]
    assert (ours == zeroshot.label_matrix(encoder.embed_texts, names)).all()


def test_labels_that_the_data_lacks_compete(bench: OpenBench, classes: Path) -> None:
    names = {"red": "grey", "green": "green", "blue": "blue", "x": "red"}
    labels = write(classes.parent / "labels.json", names)
    [report] = measure_zero_shot(bench(), ["fake"], task(classes, labels))
    assert values(report)["accuracy_top_1"] == pytest.approx(4 / 6)
    assert [(one.true, one.predicted, one.images) for one in report.confusions] == [
        ("grey", "red", 2)
    ]
    assert report.as_json()["labels"] == 4
    [report] = measure_zero_shot(bench(), ["fake"], task(classes, labels, only_present=True))
    assert report.as_json()["labels"] == 3


def test_a_manifest_names_pictures_and_labels(
    bench: OpenBench, classes: Path, tmp_path: Path
) -> None:
    rows = "red/a.png,red\ngreen/a.png,green\nblue/a.png,blue\nblue/deeper/b.png,red\n"
    manifest = write(tmp_path / "labels.csv", f"image,label\n{rows}")
    data = read_labelled(manifest, classes)
    labels = read_labels(data.classes, None, limit=LIMIT)
    [report] = measure_zero_shot(bench(), ["fake"], Task(data, labels, read_templates("short")))
    assert report.images == 4
    assert values(report)["accuracy_top_1"] == 0.75


def test_unreadable_images_are_named_and_left_out(bench: OpenBench, classes: Path) -> None:
    broken = classes / "red" / "broken.png"
    broken.write_bytes(b"no picture")
    loose = classes / "loose.png"
    shutil.copy(classes / "red" / "a.png", loose)
    [report] = measure_zero_shot(bench(), ["fake"], task(classes))
    assert report.images == 6
    assert {failure.name for failure in report.failures} == {str(broken), str(loose)}
    assert "lies in no class folder" in report.failures[0].message
    shutil.rmtree(classes / "red")
    for path in classes.rglob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(InputError, match="none of 4 images could be embedded, the first because"):
        measure_zero_shot(bench(), ["fake"], task(classes))


def test_a_model_that_fails_on_one_image_fails_on_that_alone(
    bench: OpenBench, classes: Path
) -> None:
    class Picky(FakeEncoder):
        def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
            if (pixels[..., 2].mean(axis=(1, 2)) > 127).any():
                raise ModelError("no blue, please")
            return super().embed_preprocessed(pixels)

    [report] = measure_zero_shot(bench(Picky()), ["fake"], task(classes))
    assert report.images == 4
    assert len(report.failures) == 2
    both = compare_zero_shot(bench(Picky("a"), FakeEncoder("b")), ("a", "b"), task(classes))
    assert (both.first.images, both.second.images) == (4, 4), "over those that both could embed"


# -- labels --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "n00000001 red, scarlet\nn00000002 green\nn00000003 blue\n"),
        ("a.txt", "n00000001\tred, scarlet\nn00000002\tgreen\nn00000003\tblue\n"),
        ("a.json", {"n00000001": ["red", "scarlet"], "n00000002": "green", "n00000003": "blue"}),
        ("a.json", [["red", "scarlet"], "green", "blue"]),
        ("a.txt", "red, scarlet\ngreen\nblue\n"),
    ],
)
def test_every_form_of_labels(tmp_path: Path, name: str, content: object) -> None:
    present = ["n00000002", "n00000001", "n00000003", "n00000001"]
    found = read_labels(present, write(tmp_path / name, content), limit=LIMIT)
    assert [found.names[found.of_class[f"n0000000{i}"]] for i in (1, 2, 3)] == [
        ("red", "scarlet"), ("green",), ("blue",),
    ]  # fmt: skip


def test_a_list_of_names_knows_folders_by_name_and_by_number(tmp_path: Path) -> None:
    listed = write(tmp_path / "names.json", [f"number {i}" for i in range(12)] + ["tree frog"])
    found = read_labels(["tree_frog", "number_3"], listed, limit=LIMIT)
    assert found.shown(found.of_class["tree_frog"]) == "tree frog"
    assert found.shown(found.of_class["number_3"]) == "number 3"
    assert len(found.names) == 13
    found = read_labels(["2", "10"], listed, limit=LIMIT)
    assert found.shown(found.of_class["10"]) == "number 10", "not the second in the order of text"
    assert found.shown(found.of_class["2"]) == "number 2"


def test_classes_of_the_same_name_are_one_label(tmp_path: Path) -> None:
    labels = write(tmp_path / "a.json", {"a": "missile", "b": "missile", "c": "crane"})
    found = read_labels(["a", "b", "c"], labels, limit=LIMIT)
    assert found.of_class["a"] == found.of_class["b"]
    assert len(found.names) == 2


def test_without_a_file_folders_are_the_labels() -> None:
    found = read_labels(["tree_frog", "toad"], None, limit=LIMIT)
    assert found.shown(found.of_class["tree_frog"]) == "tree frog"


@pytest.mark.parametrize(
    ("present", "content", "complaint"),
    [
        (["a"], None, "only one label, 'a': there is nothing to choose between"),
        (["a", "b"], {"a": "x"}, r"a\.json: has no label for 'b', of 2 classes"),
        (["a", "b"], {"a": "x", "b": ""}, "a label is blank"),
        (["a", "b"], {"a": "x", "b": 7}, "7 is no label"),
        (["a", "b"], 7, "expected a JSON object"),
        (["a", "b"], ["x", "y", "z"], "a list of 3 labels for 2 classes, such as 'a', 'b'"),
        (["a", "b"], [["a", "x"], ["a", "y"], "b"], "'a' is"),
        (["a", "b"], [f"{i}" for i in range(2001)] + ["a", "b"], "2003 labels, limit 2000"),
        (["a", "b"], "[1", "cannot be read as JSON"),
    ],
)
def test_labels_that_do_not_fit(
    tmp_path: Path, present: list[str], content: object, complaint: str
) -> None:
    path = None if content is None else write(tmp_path / "a.json", content)
    with pytest.raises(InputError, match=complaint):
        read_labels(present, path, limit=LIMIT)


def test_templates_need_a_place_for_the_label(tmp_path: Path) -> None:
    assert len(read_templates("full").prompts) == 80
    with pytest.raises(QueryError, match=r"has no \{\}"):
        read_templates(str(write(tmp_path / "t.txt", "a photo of {}\na photo\n")))
    with pytest.raises(InputError, match=r"none\.txt: cannot be read"):
        read_templates(str(tmp_path / "none.txt"))


# -- retrieval -----------------------------------------------------------------------


@pytest.fixture
def captions(photos: Path, picture: MakePicture) -> Path:
    """Red, green and blue pictures with two captions each."""
    rows = []
    for colour in ("red", "green", "blue"):
        picture(f"{colour}.png", colour)
        texts = [f"a {colour} field", f"{colour} all over"]
        rows.append({"file_name": f"{colour}.png", "captions": texts})
    return write(photos / "captions.jsonl", "\n".join(map(json.dumps, rows)))


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


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (
            "a.csv",
            "image,words\nx.png,hello\n",
            "none of 1 images has a caption; expected a column",
        ),
        ("a.csv", "picture,caption\nx.png,hello\n", r"a\.csv: no file name; expected a column"),
        ("a.csv", "image,caption\n", "names no images"),
        ("a.txt", "x.png hello\n", r"expected one of \.jsonl"),
    ],
)
def test_manifests_that_do_not_fit(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        read_captioned(write(tmp_path / name, content))


def test_label_manifests_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"a\.csv:2: no label; expected a column named label"):
        read_labelled(write(tmp_path / "a.csv", "image,caption\nx.png,hello\n"))
    with pytest.raises(ManifestError, match=r"a\.csv:3: x\.png is labelled 'a' before"):
        read_labelled(write(tmp_path / "a.csv", "image,label\nx.png,a\nx.png,b\n"))


def test_folders_that_do_not_fit(photos: Path, picture: MakePicture) -> None:
    with pytest.raises(InputError, match="holds no images; expected a folder per class"):
        read_labelled(photos)
    with pytest.raises(InputError, match="holds no images"):
        read_captioned(photos)
    picture()
    with pytest.raises(InputError, match="holds 1 images, but none in a folder"):
        read_labelled(photos)
    for read in (read_labelled, read_captioned):
        with pytest.raises(InputError, match="no such file or folder"):
            read(photos / "nowhere")
        with pytest.raises(InputError, match="--images goes with a manifest"):
            read(photos, photos)


# -- what is kept --------------------------------------------------------------------


def shards(data: Path, content: str) -> list[Path]:
    return sorted((data / "eval").glob(f"*/{content}/*"))


def test_a_second_run_embeds_nothing(bench: OpenBench, classes: Path, tmp_path: Path) -> None:
    shutil.copy(classes / "red" / "a.png", classes / "red" / "copy.png")
    encoder = FakeEncoder()
    [first] = measure_zero_shot(bench(encoder), ["fake"], task(classes))
    assert first.origin() == (
        "images: 0 from cache, 6 embedded; labels: 0 from cache, 3 embedded"
    ), "a copy is no new content"
    assert encoder.batches
    again = FakeEncoder()
    [second] = measure_zero_shot(bench(again), ["fake"], task(classes))
    assert second.origin() == ("images: 7 from cache, 0 embedded; labels: 3 from cache, 0 embedded")
    assert again.batches == []
    assert second.figures == first.figures
    assert [path.suffix for path in shards(tmp_path / "data", "*")] == [".npz"] * 2


def test_nothing_is_kept_or_taken_without_cache(
    bench: OpenBench, captions: Path, tmp_path: Path
) -> None:
    data = read_captioned(captions)
    measure_retrieval(bench(cached=False), ["fake"], data)
    assert not (tmp_path / "data").exists()
    measure_retrieval(bench(), ["fake"], data)
    encoder = FakeEncoder()
    measure_retrieval(bench(encoder, cached=False), ["fake"], data)
    assert encoder.batches


def test_vectors_of_another_model_are_not_taken(bench: OpenBench, captions: Path) -> None:
    data = read_captioned(captions)
    measure_retrieval(bench(FakeEncoder("a")), ["a"], data)
    other = FakeEncoder("b")
    measure_retrieval(bench(other), ["b"], data)
    assert other.batches


@pytest.mark.parametrize("harm", ["truncated", "altered", "emptied"])
def test_a_broken_file_is_named_and_embedded_again(
    bench: OpenBench,
    captions: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    harm: str,
) -> None:
    data = read_captioned(captions)
    [first] = measure_retrieval(bench(), ["fake"], data)
    [path] = shards(tmp_path / "data", "images")
    content = bytearray(path.read_bytes())
    if harm == "altered":
        content[len(content) // 2] ^= 1
    kept = {"truncated": 100, "altered": len(content), "emptied": 0}[harm]
    path.write_bytes(content[:kept])
    encoder = FakeEncoder()
    with caplog.at_level(logging.WARNING):
        [second] = measure_retrieval(bench(encoder), ["fake"], data)
    assert str(path) in caplog.text
    assert "not used" in caplog.text
    assert second.origin() == "images: 0 from cache, 3 embedded; texts: 6 from cache, 0 embedded"
    assert second.figures == first.figures
    assert len(shards(tmp_path / "data", "images")) == 1


def test_a_folder_that_cannot_be_written_costs_only_time(
    bench: OpenBench, captions: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "eval").write_text("in the way")
    [report] = measure_retrieval(bench(), ["fake"], read_captioned(captions))
    assert report.images == 3
    assert "embeddings cannot be kept" in caplog.text


def test_an_interrupted_run_keeps_what_it_embedded(
    bench: OpenBench, captions: Path, tmp_path: Path
) -> None:
    class Interrupted(FakeEncoder):
        def embed_texts(self, texts: Sequence[str]) -> Embeddings:
            # As Ctrl-C does, while this thread is at work.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            time.sleep(0.2)
            return super().embed_texts(texts)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            measure_retrieval(bench(Interrupted()), ["fake"], read_captioned(captions))
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(shards(tmp_path / "data", "images")) == 1


# -- index ---------------------------------------------------------------------------


def test_a_small_collections_graph_is_measured_though_exact_search_is_used(
    index: Index, picture: MakePicture, photos: Path, tmp_path: Path
) -> None:
    for seed in range(1, 31):
        picture(f"{seed}.png", "red", seed=seed).with_suffix(".txt").write_text(f"red {seed}")
    index()
    settings = Settings.from_env({}, data=tmp_path / "data")
    report = measure_index(settings, k=5, queries=20)
    asked = [(one.searched, one.queries_are) for one in report.results]
    assert asked == [
        ("image", "image"), ("image", "caption"), ("caption", "image"), ("caption", "caption"),
    ]  # fmt: skip
    for one in report.results:
        assert (one.recall.value, one.in_use, one.queries) == (1, "exact", 20)
        assert 0 < one.exact.p50_ms <= one.exact.p95_ms
        assert 0 < one.hnsw.p50_ms <= one.hnsw.p95_ms
    large = Settings.from_env({}, data=tmp_path / "data", exact_limit=10)
    assert {one.in_use for one in measure_index(large, k=5).results} == {"exact"}  # no graph yet
    with Collection(large) as collection:
        collection.rebuild()
    assert {one.in_use for one in measure_index(large, k=5).results} == {"hnsw"}
    with pytest.raises(InputError, match="30 images, 30 captions, too few for recall@40"):
        measure_index(settings, k=40)


def test_there_is_no_index_without_a_collection(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no collection"):
        measure_index(Settings.from_env({}, data=tmp_path))


def test_a_graph_that_misses_is_found_out(
    index: Index, picture: MakePicture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph that finds every second vector has half the recall, and exact search has all."""
    for seed in range(1, 31):
        picture(f"{seed}.png", "red", seed=seed)
    index()
    whole = Graph.pool

    def half(self: Graph, query: Any) -> Any:
        return whole(self, query)[1::2]

    monkeypatch.setattr(Graph, "pool", half)
    report = measure_index(Settings.from_env({}, data=tmp_path / "data"), k=10)
    assert report.results[0].recall.value == pytest.approx(0.5, abs=0.06)


# -- the command line ----------------------------------------------------------------


def command(module: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run(
        [sys.executable, "-m", module, "eval", *arguments],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE_S,
    )
    assert "Traceback" not in finished.stderr
    return finished


def fake(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return command("tests.fake_mmembed", *arguments)


def test_command_line_of_zero_shot(classes: Path, tmp_path: Path) -> None:
    (classes / "red" / "broken.png").write_bytes(b"no picture")
    data = ("--data", tmp_path / "data", "--model", "fake")
    finished = fake("zero-shot", classes, "--json", tmp_path / "out.json", *data)
    assert finished.returncode == 1, "one was skipped"
    assert "fake; images: 0 from cache, 6 embedded" in finished.stdout
    assert "over 6 images of 3 classes, 3 labels; 1 skipped" in finished.stdout
    assert "accuracy top 1" in finished.stdout
    assert "100.0% to 100.0%" in finished.stdout
    assert finished.stderr.startswith(f"skipped: {classes / 'red' / 'broken.png'}: ")
    answer = json.loads((tmp_path / "out.json").read_text())
    assert answer["figures"]["accuracy_top_1"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert answer["skipped"][0]["name"] == str(classes / "red" / "broken.png")
    assert answer["templates"]["name"] == "short"
    assert (answer["model"], answer["images"]) == ("fake", 6)


def test_command_line_of_compare(captions: Path, tmp_path: Path) -> None:
    data = ("--data", tmp_path / "data")
    finished = fake("retrieval", captions, "--compare", "a", "b", "--json", *data)
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    answer = json.loads(finished.stdout)
    assert [one["model"] for one in answer["models"]] == ["a", "b"]
    assert answer["differences"]["text_to_image_recall_at_1"] == {
        "value": 0.0, "low": 0.0, "high": 0.0, "excludes_zero": False,
    }  # fmt: skip
    finished = fake("retrieval", captions, "--compare", "a", "b", "--model", "c", *data)
    assert finished.returncode == 2
    assert "--compare names both models" in finished.stderr


def test_command_line_of_engines(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for path in sorted(GALLERY.iterdir())[:20]:
        shutil.copy(path, pictures)
    asked = ("--model", "bundled", "--data", tmp_path / "d")
    two = ("--engines", "torch-float32", "torch-onednn")
    finished = command("mmembed", "retrieval", pictures, *two, *asked)
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    first, second, over, cosine, *_ = finished.stdout.splitlines()
    assert first.startswith("A: bundled, torch-float32; images: 0 from cache, 10 embedded")
    assert second.startswith("B: bundled, torch-onednn; images: 0 from cache, 10 embedded")
    assert over == "over 10 images with 10 captions"
    said = re.match(
        r"cosine between A's and B's vectors of an image: (\S+) on average, (\S+)", cosine
    )
    assert said is not None
    assert float(said[1]) >= float(said[2]) > 0.9999
    for option, complaint in (
        ("--engine", "--engine torch-float32: --engines names both engines; leave --engine out"),
        ("--engines", "engine nothing: unknown"),
    ):
        names = ("torch-float32", "nothing")[: 1 if option == "--engine" else 2]
        refused = command("mmembed", "retrieval", pictures, *two, option, *names, *asked)
        assert refused.returncode == 2
        assert complaint in refused.stderr


def test_command_line_of_index(index: Index, picture: MakePicture, tmp_path: Path) -> None:
    for seed in range(1, 13):
        picture(f"{seed}.png", seed=seed)
    index()
    finished = fake("--data", tmp_path / "data", "index", "-k", "3")
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    assert "searched exactly up to 150000 vectors, then by HNSW" in finished.stdout
    assert "12 image vectors" in finished.stdout


def test_the_bundled_model_knows_the_gallery(tmp_path: Path) -> None:
    for path in sorted(GALLERY.iterdir())[:40]:
        shutil.copy(path, tmp_path)
    finished = command(
        "mmembed", "retrieval", tmp_path, "--model", "bundled", "--data", tmp_path / "d", "--json"
    )
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    answer = json.loads(finished.stdout)
    assert answer["model"] == "bundled"
    assert answer["images"] == 20
    assert answer["figures"]["text_to_image_recall_at_1"]["value"] > 0.8

"""Zero-shot classification from files to figures, with encoders whose answers are known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from mmembed.classify import zero_shot
from mmembed.errors import InputError, ModelError
from mmembed.eval import (
    Figure,
    Task,
    compare_zero_shot,
    measure_zero_shot,
    read_labelled,
    read_labels,
    read_templates,
    zero_shot_accuracy,
)
from mmembed.types import Embeddings, Pixels
from tests.eval.encoders import LIMIT, FixedEncoder, OpenBench, task, values, write
from tests.fake_encoder import FakeEncoder


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
        ours = zero_shot_accuracy.label_matrix(model, asked.labels, asked.templates)
    names = [one[0] for one in asked.labels.names]
    assert (ours == zero_shot.label_matrix(encoder.embed_texts, names)).all()


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


@pytest.mark.slow
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

"""Labels and templates become a matrix, and cosines become probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from mmembed.classify.zero_shot import (
    SHORT_TEMPLATES,
    TEMPLATES,
    Mode,
    check_labels,
    fill,
    label_matrix,
    notes_on_case,
    probabilities,
    top_labels,
)
from mmembed.errors import QueryError
from mmembed.types import Embeddings
from tests.fake_encoder import FakeEncoder


def unit(rows: Sequence[Sequence[float]]) -> Embeddings:
    matrix = np.array(rows, np.float32)
    scaled: Embeddings = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    return scaled


def test_templates_are_clips_eighty_and_all_take_a_label() -> None:
    assert len(TEMPLATES) == len(set(TEMPLATES)) == 80
    assert all(t.count("{}") == 1 for t in (*TEMPLATES, *SHORT_TEMPLATES))


def test_fill_leaves_other_braces_alone() -> None:
    assert fill("{a} photo of {}, {}", "{cat}") == "{a} photo of {cat}, {cat}"


def test_template_without_place_for_the_label_is_refused() -> None:
    with pytest.raises(QueryError, match="'a photo': has no"):
        fill("a photo", "cat")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "give at least one"),
        (["cat", " "], r"labels\[1\]: is blank"),
        (["cat", "dog", " cat"], r"labels\[2\]: 'cat' is there twice"),
        (["a cat", "a  cat"], r"labels\[1\]: 'a  cat' is there twice"),
        (["caf\u00e9", "cafe\u0301"], r"labels\[1\]: .* is there twice"),
    ],
)
def test_labels_that_make_no_sense_are_refused(labels: list[str], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        check_labels(labels)


def test_labels_that_differ_in_case_alone_are_told() -> None:
    assert notes_on_case(["cat", "dog"]) == ()
    [note] = notes_on_case(["cardigan", "dog", "Cardigan", "Dog"])
    assert note.startswith("labels 'cardigan' and 'Cardigan' differ in case alone")


def test_templates_may_not_be_empty() -> None:
    with pytest.raises(QueryError, match="templates"):
        label_matrix(FakeEncoder().embed_texts, ["cat"], [])


def test_label_matrix_is_the_normalised_mean_of_the_prompts() -> None:
    encoder = FakeEncoder()
    templates = ["{}", "a blue {}"]
    matrix = label_matrix(encoder.embed_texts, ["cat", "dog"], templates)
    expected = encoder.embed_texts(["dog", "a blue dog"]).mean(axis=0)
    assert matrix.shape == (2, encoder.facts.dim)
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(matrix[1], expected / np.linalg.norm(expected), atol=1e-6)


def test_many_labels_are_embedded_in_parts_and_keep_their_order() -> None:
    encoder = FakeEncoder()
    labels = [f"thing {i}" for i in range(100)]
    matrix = label_matrix(encoder.embed_texts, labels, SHORT_TEMPLATES)
    assert 1 < len(encoder.batches) < 10
    np.testing.assert_allclose(matrix[70:71], label_matrix(encoder.embed_texts, [labels[70]]))


def test_a_red_picture_is_red() -> None:
    encoder = FakeEncoder()
    pixels = encoder.preprocess(Image.new("RGB", (20, 20), (210, 20, 20)))
    labels = ["blue", "red", "green"]
    images = encoder.embed_preprocessed(pixels[None])
    matrix = label_matrix(encoder.embed_texts, labels)
    chances = probabilities(images, matrix, logit_scale=encoder.facts.logit_scale)
    top = top_labels(labels, chances[0], (images @ matrix.T)[0], k=2)
    assert (top[0].label, len(top)) == ("red", 2)
    assert top[0].probability > 0.9
    assert top[0].score == pytest.approx(float(images[0] @ matrix[1]))


def test_softmax_equals_the_formula_and_sums_to_one() -> None:
    images, labels = unit([[1, 2], [3, -1]]), unit([[1, 0], [0, 1], [1, 1]])
    chances = probabilities(images, labels, logit_scale=10)
    powers = np.exp(10 * (images @ labels.T).astype(np.float64))
    np.testing.assert_allclose(chances, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)
    assert chances.dtype == np.float32
    assert chances.shape == (2, 3)


def test_sigmoid_uses_scale_and_bias() -> None:
    images, labels = unit([[1, 0]]), unit([[1, 0], [0, 1]])
    chances = probabilities(images, labels, logit_scale=10, logit_bias=-5, mode="sigmoid")
    np.testing.assert_allclose(chances[0], [1 / (1 + np.exp(-5)), 1 / (1 + np.exp(5))], rtol=1e-6)


@pytest.mark.parametrize("mode", ["softmax", "sigmoid"])
def test_huge_scales_do_not_overflow(mode: Mode) -> None:
    images, labels = unit([[1, 0]]), unit([[1, 0], [-1, 0]])
    chances = probabilities(images, labels, logit_scale=1e5, mode=mode)
    np.testing.assert_allclose(chances[0], [1, 0])


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(QueryError, match="'max': expected softmax or sigmoid"):
        probabilities(unit([[1]]), unit([[1]]), logit_scale=1, mode="max")  # type: ignore[arg-type]


def test_ties_keep_the_order_of_the_labels() -> None:
    chances = np.array([0.2, 0.3, 0.2, 0.3], np.float32)
    top = top_labels(["a", "b", "c", "d"], chances, chances)
    assert [label.label for label in top] == ["b", "d", "a", "c"]

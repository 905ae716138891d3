"""The parts of the training that decide what the bundled model is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from training import captions, names, teacher
from training.augment import cropped, random_boxes
from training.encoding import encode_texts
from training.losses import affinity_loss, contrastive_loss
from training.model import EMBEDDING, new_model
from training.photographs import Photographs
from training.schedule import rate

pytestmark = pytest.mark.slow

UNIT = torch.eye(4)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    synsets = [f"thing {number}, object {number}" for number in range(names.CLASSES)]
    (tmp_path / "imagenet_labels.txt").write_text("\n".join(["background", *synsets]))
    clean = {"imagenet1k": [f"thing {number}" for number in range(names.CLASSES)]}
    (tmp_path / "en_classnames.json").write_text(json.dumps(clean))
    return tmp_path


def test_names_come_with_synonyms_and_everyday_words(texts: Path) -> None:
    found = names.load_names(texts)
    assert found.words[7] == ["thing 7", "object 7"]
    assert found.true.shape == (names.CLASSES, len(found.words))
    said = {found.words[label][0] for label in np.flatnonzero(found.true[207])}
    assert said == {"thing 207", "dog", "puppy", "animal"}


def test_wordnet_numbers_are_found_by_their_synonyms(texts: Path) -> None:
    listing = "n1\tthing 3, object 3\nn2\tsomething else\n"
    assert names.class_of_wordnet(texts, listing) == {"n1": 3}


def test_thinned_captions_keep_start_end_and_order() -> None:
    tokens = torch.zeros(200, 32, dtype=torch.long)
    tokens[:, :20] = torch.arange(101, 121)
    tokens[:, 20] = 999
    thin = captions.thinned(tokens, generator())
    lengths = (thin != 0).sum(1)
    assert (thin[:, 0] == 101).all()
    assert (thin.gather(1, lengths[:, None] - 1) == 999).all()
    assert 18 < lengths.float().mean() < 20.5
    for row, length in zip(thin, lengths, strict=True):
        assert (row[:length].diff() > 0).all()
        assert (row[length:] == 0).all()


def test_splits_take_only_photographs_that_are_there(texts: Path) -> None:
    lines = [f"{name}.jpg,caption {number} ." for name in "ab" for number in range(5)]
    (texts / "flickr8k_captions.csv").write_text("\n".join(["image,caption", *lines]))
    (texts / "flickr8k_split_dev.txt").write_text("b.jpg\nc.jpg\n")
    photos = Photographs(np.zeros((2, 4, 4, 3), np.uint8), ["x/a.jpg", "x/b.jpg"])
    said: list[str] = []

    def tokenizer(group: list[str]) -> torch.Tensor:
        said.extend(group)
        return torch.zeros(len(group), 32, dtype=torch.long)

    found = captions.split(texts, photos, "dev", tokenizer)
    assert found.rows.tolist() == [1]
    assert said == [f"caption {number}." for number in range(5)]


def test_crops_show_what_their_boxes_name() -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None] * 4, (64, 1, 3))
    images = torch.from_numpy(np.stack((ramp, ramp)))
    boxes = torch.tensor([[0.5, 0.0, 1.0, 1.0], [0.5, 0.0, 1.0, 1.0]])
    plain, mirrored = cropped(images, boxes, torch.tensor([False, True]), 32)
    assert plain[0, 0].tolist() == pytest.approx([(32 + i) * 4 / 255 for i in range(32)], abs=0.01)
    torch.testing.assert_close(mirrored, plain.flip(2))


def test_random_boxes_stay_inside() -> None:
    found = random_boxes(1000, 0.6, 0.2, generator())
    assert found.min() >= 0
    assert found.max() <= 1 + 1e-6
    assert (found[:, 2:] - found[:, :2]).min() >= 0.6 * np.exp(-0.2) - 1e-6


def test_the_first_view_is_the_whole_picture() -> None:
    found = teacher.boxes(50, 3, np.random.default_rng(1))
    assert (found[:, 0] == (0, 0, 1, 1)).all()
    area = (found[..., 2:] - found[..., :2]).prod(2)
    assert area.min() > 0.3
    assert found.max() <= 1 + 1e-6


def test_losses_are_least_where_they_should_be() -> None:
    scale = torch.tensor(20.0)
    assert contrastive_loss(UNIT, UNIT, scale) < 1e-6
    assert contrastive_loss(UNIT, UNIT.flip(0), scale) > 10
    assert affinity_loss(UNIT, UNIT, UNIT, scale).abs() < 1e-6
    assert affinity_loss(UNIT.flip(0), UNIT, UNIT, scale) > 10


def test_the_step_size_rises_then_falls_to_nothing() -> None:
    steps = [rate(step, step / 1000, 1.0) for step in range(1001)]
    assert steps[0] < 0.02
    assert max(steps) == steps[99] > 0.95
    assert steps[-1] == pytest.approx(0)


def test_texts_are_encoded_as_open_clip_encodes_them() -> None:
    model = new_model(1).eval()
    tokens = torch.zeros(3, 32, dtype=torch.long)
    for row, length in enumerate((2, 9, 30)):
        tokens[row, :length] = torch.arange(1, length + 1)
        tokens[row, length] = model.vocab_size - 1
    with torch.no_grad():
        ours, theirs = encode_texts(model, tokens), model.encode_text(tokens, normalize=True)
    assert ours.shape == (3, EMBEDDING)
    assert (ours * theirs).sum(1).min() > 0.999  # half precision against single

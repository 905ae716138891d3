"""The fixtures are whole, and the bundled model is what open_clip expects."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from mmembed.models.open_clip.import_open_clip import import_open_clip
from tests.pictures import GALLERY

ROOT = Path(__file__).parents[2]
ODD = ROOT / "fixtures" / "odd"
BUNDLED = ROOT / "mmembed" / "bundled"
MEGABYTE = 1_000_000

PICTURES = sorted(path for path in GALLERY.iterdir() if path.suffix != ".txt")


def folder_size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def upright(path: Path) -> npt.NDArray[np.int16]:
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(np.int16)


def test_gallery_is_large_enough_and_small_enough() -> None:
    assert len(PICTURES) >= 240
    assert folder_size(GALLERY) <= 12 * MEGABYTE


def test_every_gallery_picture_opens() -> None:
    for path in PICTURES:
        with Image.open(path) as image:
            image.draft("RGB", (64, 64))
            image.load()
            assert min(image.size) >= 32, path.name


def test_gallery_pictures_vary_in_format_and_shape() -> None:
    assert {path.suffix for path in PICTURES} == {".jpg", ".png", ".webp"}
    sizes = set()
    for path in PICTURES:
        with Image.open(path) as image:
            assert 400 <= max(image.size) <= 800, path.name
            sizes.add(image.size)
    assert len(sizes) >= 10


def test_every_gallery_picture_has_a_caption_of_its_own() -> None:
    captions = [path.with_suffix(".txt").read_text(encoding="utf-8").strip() for path in PICTURES]
    assert all(captions)
    assert len({caption.lower() for caption in captions}) == len(captions)


def test_odd_files_are_there_and_listed() -> None:
    listed = (ODD / "README.md").read_text(encoding="utf-8")
    names = [path.name for path in ODD.iterdir() if path.name != "README.md"]
    assert len(names) >= 28
    assert [name for name in names if f"`{name}`" not in listed] == []
    assert folder_size(ODD) <= 1.5 * MEGABYTE


@pytest.mark.parametrize("tag", range(2, 9))
def test_orientations_look_the_same_upright(tag: int) -> None:
    first, other = upright(ODD / "orientation-1.jpg"), upright(ODD / f"orientation-{tag}.jpg")
    assert first.shape == other.shape
    assert np.abs(first - other).max() <= 6


def test_orientations_are_stored_differently() -> None:
    stored = set()
    for tag in range(1, 9):
        with Image.open(ODD / f"orientation-{tag}.jpg") as image:
            assert image.getexif()[0x0112] == tag
            stored.add(np.asarray(image.resize((8, 8))).tobytes())
    assert len(stored) == 8


def test_wide_gamut_profile_matters() -> None:
    with Image.open(ODD / "wide-gamut.jpg") as image:
        assert b"Wide gamut RGB" in image.info["icc_profile"]


def test_bomb_is_small_in_bytes_and_huge_in_pixels() -> None:
    header = (ODD / "bomb.png").read_bytes()[16:24]
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")
    assert width * height > 500_000_000
    assert (ODD / "bomb.png").stat().st_size < 200_000


def test_bundled_model_is_small_and_described() -> None:
    assert folder_size(BUNDLED) <= 20 * MEGABYTE
    assert "Apache-2.0" in (BUNDLED / "MODEL_CARD.md").read_text(encoding="utf-8")
    config = json.loads((BUNDLED / "open_clip_config.json").read_text(encoding="utf-8"))
    assert {"embed_dim", "vision_cfg", "text_cfg"} <= config["model_cfg"].keys()
    assert {"size", "mean", "std", "interpolation", "resize_mode"} <= config[
        "preprocess_cfg"
    ].keys()


@pytest.mark.slow
def test_bundled_model_loads_without_missing_weights() -> None:
    open_clip = import_open_clip()
    model, _ = open_clip.create_model_from_pretrained(f"local-dir:{BUNDLED}")
    load_file = pytest.importorskip("safetensors.torch").load_file
    stored = load_file(BUNDLED / "open_clip_model.safetensors")
    assert stored.keys() == model.state_dict().keys()
    merges = BUNDLED / "bpe_merges.txt.gz"
    tokenizer = open_clip.SimpleTokenizer(bpe_path=str(merges), context_length=32)
    assert tokenizer.vocab_size == model.vocab_size
    assert model.encode_text(tokenizer(["a dog"])).shape == (1, model.text_projection.shape[1])

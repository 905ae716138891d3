"""Our embeddings are open_clip's own, whatever the batch, the orientation and the length."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from mmembed.engines.towers import WholeTextTower
from mmembed.errors import ModelError
from mmembed.media.decode import decode
from mmembed.models.open_clip import BUNDLED_FOLDER, OpenClipEncoder, load_encoder
from tests.pictures import UNDO
from tests.random_models import (
    OPEN_CLIP,
    OPENAI,
    SIGLIP,
    SIGLIP_PIXELS,
    SMALL,
    cosines,
    picture,
    save_random,
)

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parents[2] / "golden"
SHARED_GOLDEN = Path(__file__).parents[4] / "shared" / "data" / "clip_golden"

TEXTS = [
    "a dog",
    "",
    "two children run across a wet beach while a brown dog chases the waves behind them",
    "UPPER case, punctuation! and digits 1234",
    "日本語 naïve 😀",
]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For models; emptied at the end, because some are large."""
    folder = tmp_path_factory.mktemp("models")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def small(folder: Path) -> OpenClipEncoder:
    return load_encoder(save_random(folder / "small", SMALL, OPENAI), engine="torch-float32")


@pytest.fixture(scope="module", params=["ViT-B-32", "small", "SigLIP", "bundled"])
def pair(request: pytest.FixtureRequest, folder: Path) -> tuple[OpenClipEncoder, Any, Any, Any]:
    """Our encoder, and open_clip's own model, transform and tokenizer for the same files."""
    name = str(request.param)
    if name == "bundled":
        if not BUNDLED_FOLDER.is_dir():
            pytest.skip("the bundled model is not there yet")
        model_id = f"local-dir:{BUNDLED_FOLDER}"
    elif name == "SigLIP":
        model_id = save_random(folder / "siglip", SIGLIP, SIGLIP_PIXELS)
    else:
        config = SMALL if name == "small" else OPEN_CLIP.get_model_config(name)
        model_id = save_random(folder / f"pair-{name}", config, OPENAI)
    encoder = load_encoder(model_id, device="cpu", engine="torch-float32")
    if name == "ViT-B-32":  # its 600 MB are not loaded a second time
        model = encoder._engine.images.model  # type: ignore[attr-defined]
        transform = OPEN_CLIP.image_transform(224, is_train=False)
    else:
        model, transform = OPEN_CLIP.create_model_from_pretrained(model_id)
    options = OPEN_CLIP.get_model_config(model_id)["text_cfg"].get("tokenizer_kwargs", {})
    if "bpe_path" in options:
        options["bpe_path"] = str(BUNDLED_FOLDER / options["bpe_path"])
    model.eval().requires_grad_(False)
    return encoder, model, transform, OPEN_CLIP.get_tokenizer(model_id, **options)


def normalised(encoder: OpenClipEncoder, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the image tower makes of pixels first: float32 (3, height, width)."""
    mean, std = (np.asarray(encoder.model.pixels[name], np.float32) for name in ("mean", "std"))
    planes: NDArray[np.float32] = ((pixels.astype(np.float32) / 255 - mean) / std).transpose(
        2, 0, 1
    )
    return planes


def assert_nearly_equal(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> None:
    """Resizing and cropping in one step: Pillow rounds in between, at other places than in two
    steps, and what overshoots there is cut off at 0 and 255."""
    levels = np.abs(ours - theirs) * 255 * 0.26  # by the smallest of the usual deviations
    assert levels.max() < 6
    assert levels.mean() < 0.25


def test_preprocessed_pixels_are_open_clips(pair: tuple[OpenClipEncoder, Any, Any, Any]) -> None:
    encoder, _, transform, _ = pair
    for size in [(90, 71), (300, 500), (640, 17), (8, 8)]:
        image = picture(1, size)
        pixels = encoder.preprocess(image)
        assert pixels.dtype == np.uint8
        assert_nearly_equal(normalised(encoder, pixels), transform(image).numpy())


def test_image_vectors_are_open_clips(pair: tuple[OpenClipEncoder, Any, Any, Any]) -> None:
    encoder, model, transform, _ = pair
    images = [picture(seed) for seed in range(3)]
    with torch.no_grad():
        expected = model.encode_image(torch.stack([transform(i) for i in images])).numpy()
    vectors = encoder.embed_preprocessed(np.stack([encoder.preprocess(i) for i in images]))
    assert vectors.shape == (3, encoder.facts.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert cosines(vectors, expected).min() >= 0.99999


def test_text_vectors_are_open_clips(pair: tuple[OpenClipEncoder, Any, Any, Any]) -> None:
    encoder, model, _, tokenizer = pair
    texts = [text for text in TEXTS if encoder.count_windows(text) == 1]
    assert len(texts) >= 4
    with torch.no_grad():
        expected = model.encode_text(tokenizer(texts)).numpy()
    vectors = encoder.embed_texts(texts)
    assert cosines(vectors, expected).min() >= 0.99999
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_scale_and_bias_are_kept(pair: tuple[OpenClipEncoder, Any, Any, Any]) -> None:
    encoder, model, _, tokenizer = pair
    assert encoder.facts.logit_scale == pytest.approx(float(model.logit_scale.exp()))
    bias = model.logit_bias
    assert encoder.facts.logit_bias == (None if bias is None else pytest.approx(float(bias)))
    assert encoder.facts.context_length == tokenizer.context_length


def test_vectors_do_not_depend_on_the_batch(pair: tuple[OpenClipEncoder, Any, Any, Any]) -> None:
    encoder = pair[0]
    pixels = np.stack([encoder.preprocess(picture(seed)) for seed in range(5)])
    together, alone = encoder.embed_preprocessed(pixels), encoder.embed_preprocessed(pixels[3:4])
    assert cosines(together[3:4], alone).min() >= 0.999999
    texts = [*TEXTS, "a long one to cut less padding: " + "word " * 8]
    together, alone = encoder.embed_texts(texts), encoder.embed_texts(texts[:1])
    assert cosines(together[:1], alone).min() >= 0.999999


def test_padding_is_cut_where_that_is_exact(pair: tuple[OpenClipEncoder, Any, Any, Any]) -> None:
    encoder, model, _, tokenizer = pair
    tower: Any = encoder._engine._texts  # type: ignore[attr-defined]
    assert encoder.model.cut == (encoder.facts.logit_bias is None)  # SigLIP reads its padding
    if not encoder.model.cut:
        assert type(tower) is WholeTextTower
        return
    tokens = tokenizer(TEXTS)
    with torch.no_grad():
        cut, whole = tower(tokens[:, : 1 + tokens.argmax(1).max()]), model.encode_text(tokens)
    assert (cut - whole).abs().max() < 1e-5
    lengths = []
    hook = tower.transformer.register_forward_pre_hook(
        lambda _, inputs: lengths.append(inputs[0].shape[1])
    )
    encoder.embed_texts(["a dog with a longer tale " * 2, *["a dog"] * 16])
    hook.remove()
    assert lengths == [4, 14]


def test_eos_pooling_is_cut_too(folder: Path) -> None:
    config = SMALL | {"text_cfg": SMALL["text_cfg"] | {"pool_type": "eos", "eos_id": 49407}}
    name = save_random(folder / "eos", config, OPENAI)
    encoder, plain = load_encoder(name, engine="torch-float32"), OPEN_CLIP.create_model(name)
    with torch.no_grad():
        expected = plain.eval().encode_text(OPEN_CLIP.get_tokenizer(name)(TEXTS[:2])).numpy()
    assert encoder.model.cut
    assert encoder.model.eos_id == 49407
    assert cosines(encoder.embed_texts(TEXTS[:2]), expected).min() >= 0.99999


def test_all_orientations_give_one_vector(small: OpenClipEncoder) -> None:
    upright = picture(2, (96, 64))
    pixels = []
    for orientation, turn in enumerate(UNDO, start=1):
        turned = upright if turn is None else upright.transpose(Image.Transpose(turn))
        exif = Image.Exif()
        exif[0x0112] = orientation
        buffer = io.BytesIO()
        turned.save(buffer, "PNG", exif=exif)
        pixels.append(small.preprocess(decode(buffer.getvalue()).image))
    vectors = small.embed_preprocessed(np.stack(pixels))
    assert cosines(vectors, vectors[[0] * 8]).min() >= 0.9999


def test_no_picture_is_too_long_or_too_thin(small: OpenClipEncoder, folder: Path) -> None:
    longest = load_encoder(
        save_random(folder / "longest", SMALL, OPENAI | {"resize_mode": "longest"}),
        engine="torch-float32",
    )
    for size in [(1, 60_000), (60_000, 1), (1, 1)]:
        for encoder in (small, longest):
            pixels = encoder.preprocess(Image.new("RGB", size, "red"))
            assert pixels.shape == (64, 64, 3)
            assert np.isfinite(encoder.embed_preprocessed(pixels[None])).all()


def test_long_text_is_cut_at_sentences_and_nothing_is_dropped(small: OpenClipEncoder) -> None:
    sentences = [f"Sentence number {n} tells of a dog and a cat." for n in ("one", "two", "six")]
    text = " ".join(sentences)
    windows = small.windows.split(text)
    assert "".join(windows) == text
    assert [window.strip() for window in windows] == sentences
    assert small.count_windows(text) == 3
    mean = small.embed_texts(sentences).mean(axis=0)
    both = small.embed_texts(["a dog", text, "a cat"])
    np.testing.assert_allclose(both[1], mean / np.linalg.norm(mean), atol=1e-5)
    np.testing.assert_allclose(both[::2], small.embed_texts(["a dog", "a cat"]), atol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "word " * 300,
        "x" * 3000,
        "日本語のとても長い文章です。" * 40,
        "a. " * 100,
        "9" * 200,
        "\n" * 500,
    ],
)
def test_any_long_text_is_kept_whole(small: OpenClipEncoder, text: str) -> None:
    windows = small.windows.split(text)
    assert "".join(windows) == text
    assert all(len(small.windows.split(window)) == 1 for window in windows)
    assert small.embed_texts([text]).shape == (1, small.facts.dim)


def test_a_text_that_just_fits_is_one_window(small: OpenClipEncoder) -> None:
    room = small.facts.context_length - 2
    assert small.count_windows("dog " * room) == 1
    assert small.count_windows("dog " * (room + 1)) == 2


def test_tokens_are_counted_without_padding(small: OpenClipEncoder) -> None:
    assert small.count_tokens("a dog") == 4
    assert small.count_tokens("dog " * 19) == 19 + 4  # two windows


def test_nothing_gives_nothing(small: OpenClipEncoder) -> None:
    assert small.embed_texts([]).shape == (0, small.facts.dim)
    assert small.embed_preprocessed(small.blank_pixels()[:0]).shape == (0, small.facts.dim)


def test_a_tokenizer_can_be_given(small: OpenClipEncoder) -> None:
    class Letters:
        context_length = 20

        def __call__(self, texts: list[str], context_length: int) -> torch.Tensor:
            rows = [[49406, *map(ord, text[: context_length - 2]), 49407] for text in texts]
            padded = [row + [0] * (context_length - len(row)) for row in rows]
            return torch.tensor(padded)

    encoder = load_encoder(small.facts.name, tokenizer=Letters(), engine="torch-float32")
    assert encoder.count_windows("x" * 18) == 1
    assert encoder.count_windows("x" * 19) == 2
    assert encoder.facts.fingerprint != small.facts.fingerprint


def test_vectors_that_are_not_numbers_are_refused(
    small: OpenClipEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = np.full((1, small.facts.dim), np.nan, np.float32)
    monkeypatch.setattr(small._engine, "encode_images", lambda pixels: nothing)
    with pytest.raises(ModelError, match="not finite"):
        small.embed_preprocessed(small.blank_pixels())


@pytest.fixture(scope="module")
def clip_preprocessing(folder: Path) -> OpenClipEncoder:
    """A small model with the preprocessing of CLIP's ViT-B/32."""
    config = SMALL | {"vision_cfg": SMALL["vision_cfg"] | {"image_size": 224, "patch_size": 32}}
    return load_encoder(save_random(folder / "224", config, OPENAI), engine="torch-float32")


def test_real_clip_tensors(clip_preprocessing: OpenClipEncoder) -> None:
    if not SHARED_GOLDEN.is_dir():
        pytest.skip("the photographs with CLIP's own tensors are not here")
    golden = np.load(SHARED_GOLDEN / "golden.npz")
    assert len(golden["names"]) == 7
    for name, tensor in zip(golden["names"], golden["image_tensor"], strict=True):
        image = decode(SHARED_GOLDEN / "images" / f"{name}.jpg").image
        pixels = clip_preprocessing.preprocess(image)
        assert_nearly_equal(normalised(clip_preprocessing, pixels), tensor)


@pytest.mark.parametrize("file", ["waves.jpg", "rings.png"])
def test_golden_tensors(clip_preprocessing: OpenClipEncoder, file: str) -> None:
    """Made by `python -m tests.golden.make` with OpenAI's recipe in plain Pillow and NumPy."""
    golden = np.load(GOLDEN / "tensors.npz")[file]
    decoded = decode(GOLDEN / file).image
    pixels = clip_preprocessing.preprocess(decoded)
    assert_nearly_equal(normalised(clip_preprocessing, pixels)[:, ::4, ::4], golden)

"""What was embedded is not embedded again, and the answers are those of the encoder."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mmembed import load_encoder
from mmembed.errors import ModelError
from mmembed.models.bounded_cache import ENTRY_BYTES
from mmembed.models.image_cache import ImageCache
from mmembed.models.text_cache import SPARE_TOKENS, TextCache, fits_surely
from mmembed.types import Embeddings
from tests.fake_encoder import FakeEncoder


class CountingEncoder(FakeEncoder):
    """Notes what it embeds and counts, and refuses «bad»."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []
        self.counted: list[str] = []

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        if "bad" in texts:
            raise ModelError("bad text")
        self.embedded += texts
        return super().embed_texts(texts)

    def count_windows(self, text: str) -> int:
        self.counted.append(text)
        return super().count_windows(text)

    def count_tokens(self, text: str) -> int:
        self.counted.append(text)
        return super().count_tokens(text)


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


def test_it_is_the_encoder_it_wraps(encoder: CountingEncoder) -> None:
    cache = TextCache(encoder)
    assert cache.facts == encoder.facts
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    np.testing.assert_array_equal(
        cache.embed_preprocessed(pixels), encoder.embed_preprocessed(pixels)
    )


def test_each_text_is_embedded_once(encoder: CountingEncoder) -> None:
    cache = TextCache(encoder)
    texts = ["red", "blue", "red", "a bus"]
    for _ in range(2):
        rows = cache.embed_texts(texts)
        np.testing.assert_array_equal(rows, FakeEncoder().embed_texts(texts))
        assert rows.dtype == np.float32
    cache.embed_texts(["blue", "green"])
    assert encoder.embedded == ["red", "blue", "a bus", "green"]


def test_nothing_gives_nothing(encoder: CountingEncoder) -> None:
    assert TextCache(encoder).embed_texts([]).shape == (0, encoder.facts.dim)
    assert encoder.embedded == []


def test_what_a_caller_does_to_an_answer_stays_there(encoder: CountingEncoder) -> None:
    cache = TextCache(encoder)
    cache.embed_texts(["red"])[:] = 7
    cache.embed_texts(["red"])[:] = 7
    np.testing.assert_array_equal(cache.embed_texts(["red"]), FakeEncoder().embed_texts(["red"]))


def test_an_error_is_not_kept(encoder: CountingEncoder) -> None:
    cache = TextCache(encoder)
    for _ in range(2):
        with pytest.raises(ModelError):
            cache.embed_texts(["red", "bad"])
    cache.embed_texts(["red"])
    assert encoder.embedded == ["red"]


def test_it_never_grows_beyond_its_bound(encoder: CountingEncoder) -> None:
    cache = TextCache(encoder, max_bytes=5 * (ENTRY_BYTES + 200))
    for number in range(100):
        cache.embed_texts([f"text {number}", "the one that all ask for"])
        assert cache.kept.bytes <= 5 * (ENTRY_BYTES + 200)
    assert len(encoder.embedded) == 101
    assert 2 <= len(cache.kept) <= 7
    cache.embed_texts(["x" * 10_000])  # more than all the room there is
    assert (cache.kept.bytes, len(cache.kept)) == (0, 0)


@pytest.mark.slow
def test_many_threads_get_their_own_rows(encoder: CountingEncoder) -> None:
    cache = TextCache(encoder, max_bytes=10_000)
    start = threading.Barrier(8)

    def ask(seed: int) -> None:
        random = np.random.default_rng(seed)
        start.wait()
        for _ in range(50):
            texts = [f"red {n}" for n in random.integers(0, 40, 3)]
            np.testing.assert_array_equal(cache.embed_texts(texts), plain.embed_texts(texts))

    plain = FakeEncoder()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))


def test_hits_misses_and_evictions_are_counted(encoder: CountingEncoder) -> None:
    cache = TextCache(encoder, max_bytes=2 * (ENTRY_BYTES + 200))
    cache.embed_texts(["red", "red", "blue"])
    cache.embed_texts(["red"])
    assert (cache.kept.hits, cache.kept.misses, cache.kept.evictions) == (1, 2, 0)
    cache.embed_texts(["green"])  # blue goes: it was not asked for since
    cache.embed_texts(["red"])
    cache.embed_texts(["blue"])
    assert (cache.kept.hits, cache.kept.misses, cache.kept.evictions) == (2, 4, 2)


def test_images_are_known_by_their_content() -> None:
    row = np.ones(16, np.float32)
    cache = ImageCache(max_bytes=1000)
    key = cache.key_of(b"a picture")
    cache.keep([(key, row)])
    assert cache.find([cache.key_of(b"a" + b" picture"), cache.key_of(b"another")]) == {key: row}
    for number in range(9):
        cache.keep([(cache.key_of(bytes([number])), row)])
    assert cache.find([key]) == {}
    assert cache.bytes <= 1000
    assert (cache.hits, cache.misses) == (1, 2)


# -- tokens and windows --------------------------------------------------------------


def test_short_texts_are_not_read_again(encoder: CountingEncoder) -> None:
    cache = TextCache(encoder)
    assert cache.count_windows("a dog in the snow") == 1
    assert encoder.counted == []


def test_windows_and_tokens_of_kept_texts_are_counted_once(encoder: CountingEncoder) -> None:
    cache = TextCache(encoder)
    text = "word " * 100
    assert (cache.count_windows(text), cache.count_tokens(text)) == (2, 104)  # not kept yet
    cache.embed_texts([text])
    encoder.counted.clear()
    for _ in range(2):
        assert (cache.count_windows(text), cache.count_tokens(text)) == (2, 104)
    assert encoder.counted == [text]  # windows are known since it was embedded


@pytest.mark.parametrize("text", ["é", "&fjlig;", "ﷺ", "x" * (77 - SPARE_TOKENS + 1)])
def test_what_may_be_many_tokens_is_counted(text: str) -> None:
    assert not fits_surely(text, 77)


@pytest.mark.slow
def test_what_fits_surely_fits() -> None:
    """All of ASCII, alone and mixed, with the tokenizer of most CLIP models."""
    model = load_encoder("bundled", engine="torch-float32")
    most = model.facts.context_length - SPARE_TOKENS
    characters = [chr(code) for code in range(128) if chr(code) != "&"]
    random = np.random.default_rng(0)
    texts = [character * most for character in characters]
    texts += [" ".join(character * most)[:most] for character in characters]
    texts += ["".join(random.choice(characters, most)) for _ in range(200)]
    for text in texts:
        assert fits_surely(text, model.facts.context_length)
        assert model.count_windows(text) == 1, text

"""Texts are cut as they always were, read once, and never on the thread of the model."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.models.batcher import Batcher
from mmembed.models.open_clip import BUNDLED_FOLDER, OpenClipEncoder, load_encoder
from mmembed.models.open_clip.text_windows import _BORDERS, Windows
from mmembed.models.text_reading import WindowedText

pytestmark = pytest.mark.slow

WORDS = ["a", "dog", "cat,", "jumps", "under.", "Yes!", "no?", "&amp;", "é", "日本。", "😀", "x\n"]
TEXTS = [
    "a quick brown fox jumps over the lazy dog. " * 60,
    "日本語のとても長い文章です。" * 30,
    "".join(chr(0x4E00 + (n * 7919) % 20000) for n in range(400)),
    ".\n" * 300,
    ". " * 300,
    "x" * 1200,
    "a long sentence without any end " * 20 + "stops. " + "Another one! " * 5,
    "a\u0301" * 300,
    "&lt;&amp;" * 80,
]


@pytest.fixture(scope="module")
def encoder() -> OpenClipEncoder:
    if not (BUNDLED_FOLDER / "open_clip_model.safetensors").is_file():
        pytest.skip("the bundled model is not there yet")
    return load_encoder("bundled", engine="torch-float32")


def one_by_one(windows: Windows, text: str) -> list[str]:
    """As long as a piece more fits, it is added."""

    def fits(piece: str) -> bool:
        return windows._fits(piece) is not None

    def halves(word: str) -> Iterator[str]:
        if len(word) <= 1 or fits(word):
            yield word
        else:
            yield from halves(word[: len(word) // 2])
            yield from halves(word[len(word) // 2 :])

    def pack(part: str, level: int) -> list[str]:
        if level == len(_BORDERS):
            return list(halves(part))
        found: list[str] = []
        for piece in _BORDERS[level].split(part):
            if found and fits(found[-1] + piece):
                found[-1] += piece
            elif fits(piece):
                found.append(piece)
            else:
                found += pack(piece, level + 1)
        return found

    return [text] if fits(text) else pack(text, 0)


def mixtures() -> list[str]:
    random.seed(0)
    return [" ".join(random.choices(WORDS, k=random.randint(1, 300))) for _ in range(10)]


@pytest.mark.parametrize("text", [*TEXTS, *mixtures()], ids=lambda text: text[:12])
def test_windows_are_those_that_one_by_one_would_give(encoder: OpenClipEncoder, text: str) -> None:
    windows = encoder.windows.split(text)
    filled = list(encoder.windows._pack(text, 0)) if len(windows) > 1 else windows
    assert filled == one_by_one(encoder.windows, text)
    assert windows[:-2] == filled[:-2]
    assert len(windows) == len(filled)
    assert "".join(windows) == text
    for most in (1, 2, len(windows)):
        assert encoder.split(text, most) == windows[:most]


class CountingTokenizer:
    """Counts the characters that it reads."""

    def __init__(self, encoder: OpenClipEncoder) -> None:
        self.characters = 0
        self._read = encoder.windows.tokenizer
        encoder.windows.tokenizer = self

    def __call__(self, texts: Sequence[str], context_length: int) -> NDArray[np.int64]:
        self.characters += sum(map(len, texts))
        return self._read(texts, context_length)


@pytest.fixture
def counting(encoder: OpenClipEncoder) -> Iterator[CountingTokenizer]:
    tokenizer = CountingTokenizer(encoder)
    yield tokenizer
    encoder.windows.tokenizer = tokenizer._read


def test_what_was_cut_is_not_read_again(
    encoder: OpenClipEncoder, counting: CountingTokenizer
) -> None:
    text = TEXTS[0]
    windows = encoder.split(text)
    reading = WindowedText.of(text, windows)
    counting.characters = 0
    rows = encoder.embed_texts(windows)
    averaged = encoder.embed_texts([reading])
    assert encoder.count_windows(reading) == len(windows)
    tokens = encoder.count_tokens(reading)
    assert counting.characters == 0
    assert tokens == encoder.count_tokens(text)
    np.testing.assert_allclose(rows.mean(axis=0) / np.linalg.norm(rows.mean(axis=0)), averaged[0],
                               atol=1e-5)  # fmt: skip


def test_a_beginning_takes_no_reading_of_all(
    encoder: OpenClipEncoder, counting: CountingTokenizer
) -> None:
    text = TEXTS[2] * 25
    encoder.split(text, 2)
    some, counting.characters = counting.characters, 0
    encoder.split(text)
    assert counting.characters > 20 * some


def test_vectors_of_long_texts_are_the_same_in_turns(encoder: OpenClipEncoder) -> None:
    texts = [*TEXTS, "a dog"]
    with Batcher(lambda: encoder, batch=4) as batcher:
        np.testing.assert_allclose(
            batcher.embed_texts(texts), encoder.embed_texts(texts), atol=1e-5
        )


def test_the_model_reads_no_text(encoder: OpenClipEncoder, counting: Any) -> None:
    with Batcher(lambda: encoder) as batcher:
        read_by_model: list[int] = []
        embed = encoder.embed_texts

        def noted(texts: Sequence[str]) -> Any:
            before = counting.characters
            rows = embed(texts)
            read_by_model.append(counting.characters - before)
            return rows

        encoder.embed_texts = noted  # type: ignore[method-assign]
        try:
            batcher.embed_texts(["a dog", TEXTS[1]])
        finally:
            del encoder.embed_texts
        assert set(read_by_model) == {0}


def test_the_last_window_is_not_a_word_alone(encoder: OpenClipEncoder) -> None:
    context = encoder.facts.context_length
    text = " ".join(["a dog jumps over the old wooden bench"] * 20)
    lengths = [
        [encoder.count_tokens(window) for window in encoder.split(text[:end])]
        for end in range(len(text) // 2, len(text), 7)
    ]
    assert all(min(some[-2:]) > context / 3 for some in lengths if len(some) > 1)
    sentence = "two men in red shirts carry a long ladder across the quiet street, and a small boy "
    for last in ("sees it.", "on a brown bench sees it from his window."):
        windows = encoder.split(f"{sentence * 2}{last} It rains.")
        assert not any(window.strip() in ("It rains.", last) for window in windows)

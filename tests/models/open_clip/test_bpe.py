"""Our reading of texts gives the tokens that open_clip's gives."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from mmembed.models.open_clip.bpe import BpeTables, BpeTokenizer
from tests.engines.texts import TEXTS
from tests.random_models import OPEN_CLIP

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["open_clip's", "bundled"])
def tokenizers(request: pytest.FixtureRequest) -> tuple[Any, BpeTokenizer]:
    """open_clip's tokenizer with some vocabulary, and ours from its tables."""
    options = {}
    if request.param == "bundled":
        from mmembed.models.open_clip import BUNDLED_FOLDER

        options["bpe_path"] = str(BUNDLED_FOLDER / "bpe_merges.txt.gz")
    theirs = OPEN_CLIP.SimpleTokenizer(**options)
    tables = BpeTables.of(OPEN_CLIP, theirs)
    assert tables is not None
    return theirs, BpeTokenizer(tables)


def test_tokens_are_open_clips(tokenizers: tuple[Any, BpeTokenizer]) -> None:
    theirs, ours = tokenizers
    drawn = random.Random(0)
    ranges = [(32, 127), (0xA0, 0x3000), (0x4E00, 0x9000), (0x1F300, 0x1F600)]
    noise = [
        "".join(chr(drawn.randrange(*drawn.choice(ranges))) for _ in range(drawn.randrange(80)))
        for _ in range(300)
    ]
    known = [
        "A photo of a cat.", "it's I'M we'LL they'd", "x <start_of_text>!<end_of_text>! y",
        "&lt;b&gt; &amp;amp; \t\n", "word " * 200, "a_b-c/d 12:30 ½ ﬁ", "â€œmojibakeâ€",
    ]  # fmt: skip
    texts = [*TEXTS, *known, *noise]
    for length in (8, 77, 300):
        np.testing.assert_array_equal(ours(texts, length), theirs(texts, length).numpy())


def test_other_tokenizers_are_left_to_open_clip() -> None:
    assert BpeTables.of(OPEN_CLIP, OPEN_CLIP.SimpleTokenizer(clean="canonicalize")) is None
    assert BpeTables.of(OPEN_CLIP, object()) is None

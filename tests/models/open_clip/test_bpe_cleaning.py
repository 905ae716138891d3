"""Texts are cleaned as open_clip cleans them, without its library where that is not needed."""

from __future__ import annotations

import random

import ftfy
import pytest

from mmembed.models.open_clip.bpe import _clean, _fixed


@pytest.mark.slow
def test_texts_are_cleaned_as_ftfy_does() -> None:
    random.seed(1)
    ascii_alone = list(map(chr, range(128)))
    others = ["Ã©", "â€œ", "&amp;", "<b>", *"“”’é\u0301\u200b\ufdfaﬁ日。\u2028\x85\x1b[&;<>#"]
    for count in range(1500):
        pool = ascii_alone if count % 2 else ascii_alone + 10 * others
        text = "".join(random.choices([*pool, *["\n"] * (len(pool) // 9)], k=count % 40))
        assert _fixed(text) == ftfy.fix_text(text)
        if text.isascii() and "&" not in text:
            assert _clean(text) == " ".join(ftfy.fix_text(text).split()).lower()

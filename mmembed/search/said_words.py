"""Whether captions, tags or names say what a query asks for, word by word."""

from __future__ import annotations

import math

from mmembed.store.entries import WordMatches

TELLING = math.log(2) - 1e-9
"""The weight of a word that half of the images have. More frequent ones, such as the name of a
folder around all files, tell nothing."""
_ENGLISH = """
a an the of in on at to and or with is are by for from as it its his her their this that some while
into near next up down over
"""
LITTLE_WORDS = frozenset(_ENGLISH.split())
"""English words without which an image has all words of a query. Negations are none of them."""


def is_said(matches: WordMatches) -> bool:
    """Whether an image has all words of a query, whole, of which at least one is telling."""
    whole = {
        word: weight
        for word, weight in zip(matches.asked, matches.weights, strict=True)
        if word not in LITTLE_WORDS
    }
    if matches.is_prefix or max(whole.values(), default=0.0) < TELLING:
        return False
    return any(whole.keys() <= set(words) for words in matches.words)

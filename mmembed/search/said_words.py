"""Whether captions, tags or names say what a query asks for, word by word."""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import replace
from itertools import compress

from mmembed.store.entries import WordMatches

TELLING = math.log(2) - 1e-9
"""The weight of a word that half of the images have. More frequent ones, such as the name of a
folder around all files, tell nothing."""
HARDLY_TELLING = -math.log(0.9) - 1e-9
"""The weight of a word that nine of ten images have. It still tells what to keep away from."""
_ENGLISH = """
a an the of in on at to and or with is are by for from as it its his her their this that some while
into near next up down over
"""
LITTLE_WORDS = frozenset(_ENGLISH.split())
"""English words without which an image has all words of a query. Negations are none of them."""


def is_said(matches: WordMatches, among: Set[int]) -> bool:
    """Whether one of these images has all words of a query, whole, of which at least one is
    telling."""
    return not among.isdisjoint(images_saying(matches, TELLING))


def without_little(matches: WordMatches) -> WordMatches:
    """The matches without images that have none but little words, if the query has others: "a dog"
    does not ask for a file's name with an "a" in it."""
    if LITTLE_WORDS.issuperset(matches.asked):
        return matches
    kept = [not LITTLE_WORDS.issuperset(words) for words in matches.words]
    if all(kept):
        return matches
    return replace(
        matches,
        item_ids=matches.item_ids[kept],
        scores=matches.scores[kept],
        words=tuple(compress(matches.words, kept)),
    )


def images_saying(matches: WordMatches, telling: float) -> set[int]:
    """The images that have all words of a text, whole. None if no word has a weight of `telling`
    or more."""
    whole = {
        word: weight
        for word, weight in zip(matches.asked, matches.weights, strict=True)
        if word not in LITTLE_WORDS
    }
    if matches.is_prefix or max(whole.values(), default=0.0) < telling:
        return set()
    rows = zip(matches.item_ids.tolist(), matches.words, strict=True)
    return {item_id for item_id, words in rows if whole.keys() <= set(words)}

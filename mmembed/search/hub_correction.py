"""Keeps pictures that resemble every text from answering every query.

Some pictures are near any text. A picture v has the mean cosine m·v with the bank's words, where m
is the mean of their embeddings. A text q ranks by q·v − α·m·v = (q − α·m)·v. So the correction is a
shift of the query: no picture needs a stored number, and the search stays as it is.

Where the model has `learned_words`, words are shifted by what is known of them, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mmembed.search.learned_words import LearnedWords
from mmembed.types import Embedding, Embeddings

# Measured on photographs apart from the judged ones. Single words gain up to 0.75. Whole captions
# find their own picture best with 0.1.
LEAST, MOST = 0.1, 0.75
HALF_WAY, WIDTH = 5.0, 1.2
"""Tokens at which the strength is between the two, and how fast it falls there."""
SPECIAL_TOKENS = 2
"""Start and end of a text."""


def strength(tokens: int) -> float:
    """The share of the bank's mean that is subtracted from a text: much from words, little from
    whole sentences. tokens: start and end included."""
    beyond = (tokens - SPECIAL_TOKENS - HALF_WAY) / WIDTH
    return LEAST + (MOST - LEAST) / (1 + math.exp(min(beyond, 50.0)))


def corrected(
    rows: Embeddings,
    tokens: Sequence[int | None],
    mean: Embedding,
    learned: LearnedWords | None = None,
) -> Embeddings:
    """The terms of a query as they rank pictures: float32 (n, dim), not unit-norm.

    rows: float32 (n, dim), unit-norm. tokens: of each text; None for a term that is no text, which
    stays as it is. mean: of the bank's words, float32 (dim,). learned: what the model's words look
    like; counts for words, and not for whole sentences.
    """
    shares = [0.0 if count is None else strength(count) for count in tokens]
    ranking = np.asarray(rows - np.outer(np.array(shares, np.float32), mean), np.float32)
    if learned is not None:
        for index, share in enumerate(shares):
            if share > LEAST:
                as_word = np.float32((share - LEAST) / (MOST - LEAST))
                ranking[index] += as_word * learned.shift_of(rows[index])
    return ranking

"""Classifies a request's pictures and texts by labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmembed.classify.label_paths import Branch
from mmembed.classify.label_scorer import LabelScorer
from mmembed.classify.question import Question
from mmembed.classify.scorers import Medium, Scorers
from mmembed.classify.thresholds import thresholds
from mmembed.classify.zero_shot import Mode
from mmembed.errors import InputError, QueryError
from mmembed.item_failures import failure_of
from mmembed.models.inputs import Embedder, ImageInput
from mmembed.types import Embedding, Embeddings, Failure, Label

SCORES_AT_ONCE = 4_000_000
"""Inputs × labels whose scores are in memory: some 100 MB."""


@dataclass(frozen=True)
class TextInput:
    """A text that a request brings."""

    name: str
    text: str


Input: TypeAlias = ImageInput | TextInput


@dataclass(frozen=True)
class Classified:
    """The labels of one picture or text by falling probability, or its error."""

    index: int
    name: str
    labels: tuple[Label, ...] = ()
    failure: Failure | None = None
    branches: tuple[Branch, ...] = ()
    """Parents of hierarchical labels, by falling probability."""
    none_of_these: float | None = None
    """The probability that none of the labels is there; None where that was not asked for."""


@dataclass(frozen=True)
class Answer:
    """The answers for all inputs of a request."""

    results: list[Classified]
    mode: Mode


def no_sample() -> Embeddings:
    """No pictures."""
    return np.zeros((0, 0), np.float32)


class Classifier:
    """Pictures and texts × labels → probabilities. Any thread may call it."""

    def __init__(self, embedder: Embedder, scorers: Scorers) -> None:
        """scorers: of the same model."""
        self._embedder = embedder
        self.scorers = scorers

    def classify(
        self,
        inputs: Sequence[Input | Failure],
        question: Question,
        top: int | None = None,
        sample: Callable[[], Embeddings] = no_sample,
    ) -> Answer:
        """The `top` labels of every input (all, if None); a bad input fails alone. sample: gives
        embeddings of pictures, by which labels get thresholds. Raises QueryError, and LimitError
        for more prompts, or longer ones, than are embedded at once."""
        if top is not None and top < 1:
            raise QueryError(f"top {top}: expected at least one label")
        scorer = self.scorers.of(question, _medium_of(inputs))
        lowest = thresholds(scorer, question, sample)
        rows = self._rows(inputs)
        step = max(1, SCORES_AT_ONCE // len(scorer.labels))
        results: list[Classified] = []
        for start in range(0, len(rows), step):
            scored = _scored(scorer, rows[start : start + step])
            results += (
                _classified(index, inputs[index], one, scorer, lowest, top)
                for index, one in enumerate(scored, start)
            )
        return Answer(results, scorer.mode)

    def _rows(self, inputs: Sequence[Input | Failure]) -> list[Embedding | Failure]:
        """The embedding of each input, or why there is none."""
        texts = [one for one in inputs if isinstance(one, TextInput)]
        if not texts:
            return self._embedder.images([one for one in inputs if not isinstance(one, TextInput)])
        rows = iter(self._embedder.texts([one.name for one in texts], [one.text for one in texts]))
        return [one if isinstance(one, Failure) else next(rows) for one in inputs]


def _medium_of(inputs: Sequence[Input | Failure]) -> Medium:
    """Raises QueryError for both at once."""
    kinds = {type(one) for one in inputs if not isinstance(one, Failure)}
    if len(kinds) > 1:
        raise QueryError("pictures and texts are classified apart; send two requests")
    return "texts" if TextInput in kinds else "pictures"


@dataclass(frozen=True, eq=False)
class _Scored:
    """The scores of one input."""

    likely: NDArray[np.float32]
    cosines: NDArray[np.float32]
    """Both float32 (labels,)."""
    none: float | None


def _scored(scorer: LabelScorer, rows: Sequence[Embedding | Failure]) -> list[_Scored | Failure]:
    """The scores of all inputs, computed together."""
    good = [row for row in rows if not isinstance(row, Failure)]
    if not good:
        return [row for row in rows if isinstance(row, Failure)]
    scores, cosines = scorer.scores(np.stack(good)), scorer.cosines(np.stack(good))
    none = [None] * len(good) if scores.none is None else scores.none.tolist()
    each = iter(map(_Scored, scores.likely, cosines, none))
    return [row if isinstance(row, Failure) else next(each) for row in rows]


def _classified(
    index: int,
    one: Input | Failure,
    scored: _Scored | Failure,
    scorer: LabelScorer,
    lowest: NDArray[np.float32],
    top: int | None,
) -> Classified:
    """lowest: the least probability of each label, (labels,)."""
    if isinstance(scored, Failure):
        return Classified(index, one.name, failure=scored)
    try:
        return Classified(
            index,
            one.name,
            scorer.top(scored.likely, scored.cosines, lowest, top),
            branches=scorer.branches(scored.likely, top),
            none_of_these=scored.none,
        )
    except InputError:
        raise
    except BaseException as error:
        return Classified(index, one.name, failure=failure_of(one.name, error))

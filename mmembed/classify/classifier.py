"""Classifies a request's pictures and texts by labels: by their words, and by known examples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Literal, TypeAlias

import numpy as np

from mmembed.classify import zero_shot
from mmembed.classify.calibration import Calibration
from mmembed.classify.few_shot import Examples, LearnedLabels, Start, learn
from mmembed.classify.kept_matrices import KeptMatrices
from mmembed.classify.label_matrices import LabelMatrices
from mmembed.classify.label_paths import Branch, LabelTree
from mmembed.classify.label_scorer import LabelScorer
from mmembed.classify.question import Question
from mmembed.errors import InputError, QueryError
from mmembed.item_failures import failure_of
from mmembed.models.bounded_cache import BoundedCache
from mmembed.models.encoder import ModelFacts
from mmembed.models.inputs import Embedder, ImageInput
from mmembed.types import Embedding, Embeddings, Failure, Label

BARE = ("{}",)
"""The prompt of labels for texts: no text is a photo."""
MEANS = (10.0, 20.0, 40.0)
"""Scales at which labels without words begin; cross-validation chooses."""
SHARES_FOR_TEXTS = (1.0, 0.25, 0.0)
"""Of the scale, at which the words of labels begin for texts: a name is seldom like its texts."""
LEARNED_BYTES = 32_000_000

Medium: TypeAlias = Literal["pictures", "texts"]


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


@dataclass(frozen=True)
class Answer:
    """The answers for all inputs of a request."""

    results: list[Classified]
    mode: zero_shot.Mode


class Classifier:
    """Pictures and texts × labels → probabilities. Any thread may call it."""

    def __init__(
        self,
        embedder: Embedder,
        calibration: Callable[[ModelFacts], Calibration],
        kept: KeptMatrices,
    ) -> None:
        """calibration: gives that of the model now. kept: label matrices outlive the process
        there."""
        self._embedder = embedder
        self._calibration = calibration
        self._matrices = LabelMatrices(embedder, kept)
        self._learned: BoundedCache[bytes, LearnedLabels] = BoundedCache(
            lambda key, learned: learned.weights.nbytes, LEARNED_BYTES
        )

    @property
    def default_mode(self) -> zero_shot.Mode:
        """sigmoid for models that were trained with it and have a bias, else softmax."""
        return "softmax" if self._embedder.facts.logit_bias is None else "sigmoid"

    def classify(
        self, inputs: Sequence[Input | Failure], question: Question, top: int | None = None
    ) -> Answer:
        """The `top` labels of every input (all, if None); a bad input fails alone. Raises
        QueryError, and LimitError for more prompts, or longer ones, than are embedded at once."""
        if top is not None and top < 1:
            raise QueryError(f"top {top}: expected at least one label")
        medium: Medium = (
            "texts" if any(isinstance(one, TextInput) for one in inputs) else "pictures"
        )
        if medium == "texts" and any(isinstance(one, ImageInput) for one in inputs):
            raise QueryError("pictures and texts are classified apart; send two requests")
        scorer = self.scorer(question, medium)
        rows = self._rows(inputs)
        results = [
            self._classified(index, one, row, scorer, top)
            for index, (one, row) in enumerate(zip(inputs, rows, strict=True))
        ]
        return Answer(results, scorer.mode)

    def scorer(self, question: Question, medium: Medium) -> LabelScorer:
        """The labels as this model tells them apart in pictures, or in texts."""
        facts = self._embedder.facts
        calibration = self._calibration(facts)
        usual = calibration.templates if medium == "pictures" else BARE
        templates = tuple(question.templates or usual)
        labels = zero_shot.check_labels(question.labels)
        tree = LabelTree.of(labels)
        words = self._words(tree.names, templates, [one not in question.wordless for one in labels])
        mode = question.mode or self.default_mode
        cases = question.pictures if medium == "pictures" else question.texts
        if not len(cases):
            scale, bias = facts.logit_scale, facts.logit_bias or 0.0
            if mode == "softmax":
                scale, bias = scale / calibration.temperature, 0.0
            weights = scale * words.T.astype(np.float64)
            return LabelScorer(labels, tree, words, weights, np.full(len(labels), bias), mode)
        examples = Examples(cases.rows, cases.labels, words)
        learned = self._learn(examples, facts.logit_scale / calibration.temperature, medium)
        return LabelScorer(labels, tree, words, learned.weights, learned.bias, "softmax")

    def _words(
        self, names: tuple[str, ...], templates: tuple[str, ...], worded: Sequence[bool]
    ) -> Embeddings:
        """float32 (labels, dim); zero for labels that are mere names."""
        wanted = tuple(compress(names, worded))
        if len(wanted) == len(names):
            return self._matrices.of(wanted, templates)
        words = np.zeros((len(names), self._embedder.facts.dim), np.float32)
        if wanted:
            words[list(worded)] = self._matrices.of(wanted, templates)
        return words

    def _learn(self, examples: Examples, scale: float, medium: Medium) -> LearnedLabels:
        key = _key(examples, scale, medium)
        learned = self._learned.find([key]).get(key)
        if learned is None:
            learned = learn(examples, _starts(examples, scale, medium))
            self._learned.keep([(key, learned)])
        return learned

    def _rows(self, inputs: Sequence[Input | Failure]) -> list[Embedding | Failure]:
        """The embedding of each input, or why there is none."""
        texts = [one for one in inputs if isinstance(one, TextInput)]
        if not texts:
            return self._embedder.images([one for one in inputs if not isinstance(one, TextInput)])
        rows = iter(self._embedder.texts([one.name for one in texts], [one.text for one in texts]))
        return [next(rows) if isinstance(one, TextInput) else _failure(one) for one in inputs]

    def _classified(
        self,
        index: int,
        one: Input | Failure,
        row: Embedding | Failure,
        scorer: LabelScorer,
        top: int | None,
    ) -> Classified:
        if isinstance(row, Failure):
            return Classified(index, one.name, failure=row)
        try:
            likely, cosines = scorer.chances(row[None])[0], scorer.cosines(row[None])[0]
            labels = scorer.top(likely, cosines, top)
            return Classified(index, one.name, labels, branches=scorer.branches(likely, top))
        except InputError:
            raise
        except BaseException as error:
            return Classified(index, one.name, failure=failure_of(one.name, error))


def _failure(one: Input | Failure) -> Failure:
    assert isinstance(one, Failure)
    return one


def _starts(examples: Examples, scale: float, medium: Medium) -> list[Start]:
    """The ways to begin that are tried; that of zero-shot classification first."""
    shares = SHARES_FOR_TEXTS if medium == "texts" else (1.0,)
    if not examples.worded.any():
        shares = (0.0,)
    means = (0.0,) if examples.worded.all() else MEANS
    return [Start(share * scale, mean) for share in shares for mean in means]


def _key(examples: Examples, scale: float, medium: Medium) -> bytes:
    digest = hashlib.sha256(f"{scale} {medium} {examples.words.shape}".encode())
    for part in (examples.rows, examples.truth, examples.words):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.digest()

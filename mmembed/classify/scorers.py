"""Makes scorers of labels for one model: by words, by known examples, against other texts."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import compress
from typing import Literal, TypeAlias

import numpy as np

from mmembed.cancellation import current_caller
from mmembed.classify import zero_shot
from mmembed.classify.calibration import Calibration
from mmembed.classify.few_shot import LARGE, Examples, Floats, LearnedLabels, Start, learn
from mmembed.classify.kept_matrices import KeptMatrices
from mmembed.classify.label_matrices import LabelMatrices
from mmembed.classify.label_paths import LabelTree
from mmembed.classify.label_scorer import Competition, LabelScorer
from mmembed.classify.question import KnownCases, Question
from mmembed.classify.rivals import Rivals
from mmembed.errors import Overloaded, QueryError
from mmembed.models.bounded_cache import BoundedCache
from mmembed.models.encoder import ModelFacts
from mmembed.models.inputs import Embedder
from mmembed.types import Embeddings

BARE = ("{}",)
"""The prompt of labels for texts: no text is a photo."""
MEANS = (10.0, 20.0, 40.0)
"""Scales at which labels without words begin; cross-validation chooses."""
SHARES_FOR_TEXTS = (1.0, 0.25, 0.0)
"""Of the scale, at which the words of labels begin for texts: a name is seldom like its texts."""
LEARNED_BYTES = 32_000_000
LARGE_WAIT_S = 10.0

Medium: TypeAlias = Literal["pictures", "texts"]


class Scorers:
    """The scorers of one model. Label matrices and learned labels are cached. Any thread may call
    it."""

    def __init__(
        self,
        embedder: Embedder,
        calibration: Callable[[ModelFacts], Calibration],
        kept: KeptMatrices,
        bank: Callable[[], Embeddings | None],
    ) -> None:
        """calibration: gives that of the model now. kept: label matrices outlive the process
        there. bank: gives embeddings of generic texts, float32 (m, dim), or None."""
        self._embedder = embedder
        self._calibration = calibration
        self._bank = bank
        self._large = threading.Lock()
        self._matrices = LabelMatrices(embedder, kept)
        self._learned: BoundedCache[bytes, LearnedLabels] = BoundedCache(
            lambda key, learned: learned.weights.nbytes, LEARNED_BYTES
        )

    @property
    def default_mode(self) -> zero_shot.Mode:
        """sigmoid for models that were trained with it and have a bias, else softmax."""
        return "softmax" if self._embedder.facts.logit_bias is None else "sigmoid"

    def of(self, question: Question, medium: Medium) -> LabelScorer:
        """The labels as this model tells them apart in pictures, or in texts. Raises QueryError,
        LimitError for more prompts, or longer ones, than are embedded at once, and Overloaded."""
        calibration = self._calibration(self._embedder.facts)
        usual = calibration.templates if medium == "pictures" else BARE
        labels = zero_shot.check_labels(question.labels)
        tree = LabelTree.of(labels)
        worded = [label not in question.wordless for label in labels]
        words = self._words(tree.names, tuple(question.templates or usual), worded)
        cases = question.pictures if medium == "pictures" else question.texts
        mode = question.mode or self.default_mode
        _check_described(labels, worded, cases, medium)
        if len(cases):
            mode = "softmax" if mode == "sigmoid" else mode
            examples = Examples(cases.rows, cases.labels, words)
            learned = self._learn(examples, self._sharpness(calibration), medium)
            weights, bias = learned.weights, learned.bias
        else:
            weights, bias = self._by_words(words, mode, calibration)
        competition = self._competition(question, mode, words, calibration)
        return LabelScorer(labels, tree, words, weights, bias, mode, competition)

    def _sharpness(self, calibration: Calibration) -> float:
        return self._embedder.facts.logit_scale / calibration.temperature

    def _by_words(
        self, words: Embeddings, mode: zero_shot.Mode, calibration: Calibration
    ) -> tuple[Floats, Floats]:
        """Weights (dim, labels) and bias (labels,). For sigmoid they are as they were trained."""
        scale, bias = self._sharpness(calibration), 0.0
        if mode == "sigmoid":
            facts = self._embedder.facts
            scale, bias = facts.logit_scale, facts.logit_bias or 0.0
        return scale * words.T.astype(np.float64), np.full(len(words), bias)

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
            with self._turn(len(examples.truth) * len(examples.words)):
                learned = learn(examples, _starts(examples, scale, medium))
            self._learned.keep([(key, learned)])
        return learned

    @contextmanager
    def _turn(self, size: int) -> Iterator[None]:
        """Raises Overloaded if much is to be learned beside much other."""
        if size <= LARGE:
            yield
            return
        if not current_caller().take(self._large):
            raise Overloaded(
                f"labels with more than {LARGE} examples × labels are being learned already; try "
                "again later",
                LARGE_WAIT_S,
            )
        try:
            yield
        finally:
            self._large.release()

    def _competition(
        self, question: Question, mode: zero_shot.Mode, words: Embeddings, calibration: Calibration
    ) -> Competition | None:
        """Raises QueryError where other texts are needed and there are none."""
        if mode != "multi" and not question.none_of_these:
            return None
        if mode == "sigmoid":
            raise QueryError(
                "none_of_these: in the mode sigmoid each label is for itself, and none applies "
                "where all are unlikely; leave none_of_these out, or choose softmax",
                param="none_of_these",
            )
        texts = self._bank()
        if texts is None:
            raise QueryError(
                "none_of_these and the mode multi compare labels with a bank of texts, and there "
                "is none for this model; use the collection's model, with MMEMBED_BANK not off"
            )
        presence = calibration.each_label if mode == "multi" else calibration.any_label
        return Competition(Rivals.of(texts, words, self._sharpness(calibration)), presence)


def _check_described(
    labels: Sequence[str], worded: Sequence[bool], cases: KnownCases, medium: Medium
) -> None:
    """Raises QueryError for a mere name without an example of this medium: nothing describes it."""
    known = set(cases.labels.tolist())
    for place, label in enumerate(labels):
        if not worded[place] and place not in known:
            raise QueryError(
                f"label {label!r}: is a mere name, and has no example for {medium} that is still "
                "there; add one, or let its words count"
            )


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

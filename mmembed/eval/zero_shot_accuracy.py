"""Zero-shot classification of labelled images: measures how often the right label wins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mmembed.classify import zero_shot
from mmembed.counted import counted
from mmembed.eval import metrics
from mmembed.eval.bench import Bench, MeasuredModel, embed_with_each
from mmembed.eval.bootstrap import Figure, Statistic, bootstrap
from mmembed.eval.comparison import Comparison, Counted, compared
from mmembed.eval.datasets import LabelledImages
from mmembed.eval.embed_images import EmbeddedImages
from mmembed.eval.labels import Labels, Templates
from mmembed.eval.report import ClassResult, Confusion, EvalReport
from mmembed.eval.stored_embeddings import Counts
from mmembed.types import Embeddings

IMAGES_AT_ONCE = 1024
"""Images that are compared with all labels at a time; bounds the memory."""


@dataclass(frozen=True)
class EmbeddedClasses:
    """The embeddings of one model."""

    name: str
    engine: str
    fingerprint: str
    logit_scale: float
    """Divided by the model's temperature."""
    templates: Templates
    images: EmbeddedImages
    matrix: Embeddings
    """float32 (n_labels, dim), unit-norm."""
    counts: Mapping[str, Counts]


@dataclass(frozen=True)
class Answers:
    """A model's answers for n images; all arrays are (n,)."""

    truth: NDArray[np.int64]
    ranks: metrics.Ranks
    """The rank of the true label."""
    rivals: NDArray[np.int64]
    """The best of the other labels: an image that is not recognised is mistaken for it."""
    confidence: NDArray[np.float32]
    """The probability of the likeliest label."""

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the true label alone is first."""
        first: NDArray[np.bool_] = self.ranks == 1
        return first


@dataclass(frozen=True)
class Task:
    """Images, the competing labels, and the prompts."""

    data: LabelledImages
    labels: Labels
    templates: Templates


def measure_zero_shot(bench: Bench, models: Sequence[str], task: Task) -> list[EvalReport]:
    """A report per model, all over the images that every model could embed. Raises InputError
    where there is none, ModelError, QueryError."""
    return [measured.report for measured in _measure(bench, models, task)]


def compare_zero_shot(bench: Bench, models: tuple[str, str], task: Task) -> Comparison:
    """Two models, or two engines of one, side by side. Raises as `measure_zero_shot`."""
    first, second = _measure(bench, models, task)
    return compared(first, second)


def _measure(bench: Bench, models: Sequence[str], task: Task) -> list[Counted]:
    embedded, common = embed_with_each(bench, models, lambda model: _embed(model, task))
    return [_report(images, common, task) for images in embedded]


def _embed(model: MeasuredModel, task: Task) -> EmbeddedClasses:
    templates = templates_for(model, task)
    return EmbeddedClasses(
        name=model.encoder.facts.name,
        engine=model.encoder.facts.engine,
        fingerprint=model.encoder.facts.fingerprint,
        logit_scale=model.encoder.facts.logit_scale / model.calibration.temperature,
        templates=templates,
        images=model.images(task.data.paths),
        matrix=label_matrix(model, task.labels, templates),
        counts=model.counts,
    )


def templates_for(model: MeasuredModel, task: Task) -> Templates:
    """The prompts of a task, or where it leaves them open those of the model."""
    usual = model.calibration.templates
    return task.templates if task.templates.prompts else replace(task.templates, prompts=usual)


def label_matrix(model: MeasuredModel, labels: Labels, templates: Templates) -> Embeddings:
    """float32 (n_labels, dim), unit-norm: the label embeddings of zero-shot classification. A label
    with several names gets the mean of their embeddings, normalised."""
    names = list(dict.fromkeys(name for names in labels.names for name in names))
    rows = model.labels(names, templates.prompts)
    place = {name: position for position, name in enumerate(names)}
    return np.stack([_mean(rows[[place[name] for name in synonyms]]) for synonyms in labels.names])


def _mean(rows: Embeddings) -> NDArray[np.float32]:
    if len(rows) == 1:
        return np.asarray(rows[0])  # bit-identical with zero-shot classification
    mean = rows.mean(axis=0, dtype=np.float64)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def answers(
    images: Embeddings, matrix: Embeddings, truth: NDArray[np.int64], logit_scale: float
) -> Answers:
    """images: float32 (n, dim); matrix: float32 (n_labels, dim); truth: int64 (n,)."""
    ranks, rivals, confidence = [], [], []
    for start in range(0, len(images), IMAGES_AT_ONCE):
        some = slice(start, start + IMAGES_AT_ONCE)
        scores = images[some] @ matrix.T
        right = metrics.one_hot(truth[some], len(matrix))
        chances = zero_shot.probabilities(images[some], matrix, logit_scale=logit_scale)
        ranks.append(metrics.best_ranks(scores, right))
        rivals.append(np.where(right, -np.inf, scores).argmax(axis=1))
        confidence.append(chances.max(axis=1))
    return Answers(truth, np.concatenate(ranks), np.concatenate(rivals), np.concatenate(confidence))


def statistics(given: Answers, classes: NDArray[np.int64], n_labels: int) -> dict[str, Statistic]:
    """The figures that have an interval. classes: int64 (n,), the class of each image. Top 5 of
    five labels or fewer would always be right, and is left out."""
    statistics: dict[str, Statistic] = {
        "accuracy_top_1": partial(metrics.recall_at_k, given.ranks, 1)
    }
    if n_labels > 5:
        statistics["accuracy_top_5"] = partial(metrics.recall_at_k, given.ranks, 5)
    statistics["mean_accuracy_per_class"] = partial(
        metrics.mean_class_accuracy, given.correct, classes
    )
    return statistics


def _report(embedded: EmbeddedClasses, common: NDArray[np.bool_], task: Task) -> Counted:
    labels = task.labels
    kept = np.flatnonzero(common)
    names = [task.data.classes[i] for i in kept]
    order = {name: position for position, name in enumerate(labels.of_class)}
    truth = np.array([labels.of_class[name] for name in names])
    rows = embedded.images.rows[common[embedded.images.kept]]
    given = answers(
        rows,
        embedded.matrix,
        truth,
        embedded.logit_scale,
    )
    classes = np.array([order[name] for name in names])
    figures = statistics(given, classes, len(labels.names))
    ece = metrics.expected_calibration_error(given.confidence, given.correct)
    report = EvalReport(
        task="zero-shot",
        model=embedded.name,
        engine=embedded.engine,
        fingerprint=embedded.fingerprint,
        images=len(kept),
        over=f"{counted(len(kept), 'image')} of {counted(len(set(names)), 'class', 'classes')}, "
        f"{counted(len(labels.names), 'label')}",
        figures={
            **bootstrap(figures, len(kept)),
            "expected_calibration_error": Figure(ece),
        },
        failures=(*task.data.failures, *embedded.images.failures),
        notes=task.data.notes,
        counts=embedded.counts,
        details=_details(task, embedded.templates),
        classes=_classes(given, names, labels),
        confusions=_confusions(given, labels),
    )
    return Counted(report, figures, rows)


def _details(task: Task, templates: Templates) -> dict[str, object]:
    return {
        "labels": len(task.labels.names),
        "templates": {"name": templates.name, "prompts": list(templates.prompts)},
    }


def _classes(given: Answers, names: Sequence[str], labels: Labels) -> tuple[ClassResult, ...]:
    sizes = Counter(names)
    hits = Counter(name for name, right in zip(names, given.correct, strict=True) if right)
    results = [
        ClassResult(name, labels.shown(labels.of_class[name]), size, hits[name] / size)
        for name, size in sizes.items()
    ]
    return tuple(sorted(results, key=lambda result: (result.accuracy, -result.images, result.name)))


def _confusions(given: Answers, labels: Labels) -> tuple[Confusion, ...]:
    wrong = ~given.correct
    pairs = Counter(zip(given.truth[wrong].tolist(), given.rivals[wrong].tolist(), strict=True))
    return tuple(
        Confusion(labels.shown(true), labels.shown(taken), count)
        for (true, taken), count in sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    )

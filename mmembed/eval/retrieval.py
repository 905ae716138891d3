"""Retrieval: measures whether a caption finds its image, and an image one of its captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mmembed.counted import counted
from mmembed.eval import metrics
from mmembed.eval.bench import Bench, MeasuredModel, embed_with_each
from mmembed.eval.bootstrap import Statistic, bootstrap
from mmembed.eval.comparison import Comparison, Counted, compared
from mmembed.eval.datasets import CaptionedImages
from mmembed.eval.embed_images import EmbeddedImages
from mmembed.eval.report import EvalReport
from mmembed.eval.stored_embeddings import Counts
from mmembed.types import Embeddings

CUTOFFS = (1, 5, 10)
PAIRS_AT_ONCE = 1 << 24
"""Cosines in memory at a time."""


@dataclass(frozen=True)
class EmbeddedPairs:
    """The embeddings of one model."""

    name: str
    engine: str
    fingerprint: str
    images: EmbeddedImages
    texts: Embeddings
    """float32 (n_captions, dim), unit-norm, image by image."""
    counts: Mapping[str, Counts]


@dataclass(frozen=True)
class RetrievalRanks:
    """The ranks of the right answers."""

    of_texts: metrics.Ranks
    """int64 (n_captions,): the rank of each caption's image among the images."""
    of_images: metrics.Ranks
    """int64 (n_images,): the rank of each image's best caption among the captions."""
    owners: NDArray[np.int64]
    """int64 (n_captions,): the image of each caption."""


def measure_retrieval(
    bench: Bench, models: Sequence[str], data: CaptionedImages
) -> list[EvalReport]:
    """A report per model, all over the images that every model could embed. Raises InputError
    where there is none, ModelError."""
    return [measured.report for measured in _measure(bench, models, data)]


def compare_retrieval(bench: Bench, models: tuple[str, str], data: CaptionedImages) -> Comparison:
    """Two models, or two engines of one, side by side. Raises as `measure_retrieval`."""
    first, second = _measure(bench, models, data)
    return compared(first, second)


def _measure(bench: Bench, models: Sequence[str], data: CaptionedImages) -> list[Counted]:
    captions = [text for texts in data.captions for text in texts]
    embedded, common = embed_with_each(
        bench, models, lambda model: _embed(model, data.paths, captions)
    )
    return [_report(images, common, data) for images in embedded]


def _embed(model: MeasuredModel, paths: Sequence[str], captions: Sequence[str]) -> EmbeddedPairs:
    return EmbeddedPairs(
        name=model.encoder.facts.name,
        engine=model.encoder.facts.engine,
        fingerprint=model.encoder.facts.fingerprint,
        images=model.images(paths),
        texts=model.texts(captions),
        counts=model.counts,
    )


def find(images: Embeddings, texts: Embeddings, owners: NDArray[np.int64]) -> RetrievalRanks:
    """images: float32 (n_images, dim); texts: float32 (n_captions, dim); owners: int64
    (n_captions,), the image of each caption; every image has one."""
    everyone = np.arange(len(images))
    by_text = [
        metrics.best_ranks(texts[some] @ images.T, owners[some, None] == everyone)
        for some in _slices(len(texts), len(images))
    ]
    by_image = [
        metrics.best_ranks(images[some] @ texts.T, everyone[some, None] == owners)
        for some in _slices(len(images), len(texts))
    ]
    return RetrievalRanks(np.concatenate(by_text), np.concatenate(by_image), owners)


def _slices(rows: int, columns: int) -> list[slice]:
    step = max(1, PAIRS_AT_ONCE // columns)
    return [slice(start, start + step) for start in range(0, rows, step)]


def statistics(ranks: RetrievalRanks) -> dict[str, Statistic]:
    """The figures, given the weight of each image and its captions. Recall@k is left out if k is
    the number of candidates, because it is always 1."""
    n_images, n_texts = len(ranks.of_images), len(ranks.of_texts)

    def of_texts(measure: Statistic, weights: metrics.Weights) -> float:
        return measure(weights[ranks.owners])

    figures: dict[str, Statistic] = {}
    for k in CUTOFFS:
        if k < n_images:
            recall = partial(metrics.recall_at_k, ranks.of_texts, k)
            figures[f"text_to_image_recall_at_{k}"] = partial(of_texts, recall)
    figures["text_to_image_median_rank"] = partial(
        of_texts, partial(metrics.median_rank, ranks.of_texts)
    )
    for k in CUTOFFS:
        if k < n_texts:
            figures[f"image_to_text_recall_at_{k}"] = partial(
                metrics.recall_at_k, ranks.of_images, k
            )
    figures["image_to_text_median_rank"] = partial(metrics.median_rank, ranks.of_images)
    return figures


def _report(embedded: EmbeddedPairs, common: NDArray[np.bool_], data: CaptionedImages) -> Counted:
    owners = np.repeat(np.arange(len(data.paths)), [len(texts) for texts in data.captions])
    kept = common[owners]
    place = np.cumsum(common) - 1
    rows = embedded.images.rows[common[embedded.images.kept]]
    ranks = find(
        rows,
        embedded.texts[kept],
        place[owners[kept]],
    )
    figures = statistics(ranks)
    n_images, n_texts = len(ranks.of_images), len(ranks.of_texts)
    report = EvalReport(
        task="retrieval",
        model=embedded.name,
        engine=embedded.engine,
        fingerprint=embedded.fingerprint,
        images=n_images,
        over=f"{counted(n_images, 'image')} with {counted(n_texts, 'caption')}",
        figures=bootstrap(figures, n_images),
        failures=(*data.failures, *embedded.images.failures),
        notes=data.notes,
        counts=embedded.counts,
        details={"captions": n_texts},
    )
    return Counted(report, figures, rows)

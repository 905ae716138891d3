"""Fits the calibration of a model on labelled pictures, and measures what it gives.

The reported errors are of pictures that the temperature was not fitted on. Each half of the
pictures is judged by the temperature of the other half. The temperature that is kept is of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.classify import zero_shot
from mmembed.classify.calibration import Calibration, fit_temperature
from mmembed.counted import counted
from mmembed.errors import InputError
from mmembed.eval import metrics
from mmembed.eval.bench import Bench, MeasuredModel
from mmembed.eval.bootstrap import Figure, Statistic, compare, resamples
from mmembed.eval.labels import Templates
from mmembed.eval.report import Table, shown, spoken
from mmembed.eval.zero_shot_accuracy import Task, label_matrix
from mmembed.models.encoder import EncoderFacts
from mmembed.types import Embeddings, Failure

FEWEST = 50
"""Pictures for a temperature: of fewer it is off by a tenth or more."""
PROMPTS = (
    Templates("one", ("{}",)),
    Templates("photo", ("a photo of a {}.",)),
    Templates("short", zero_shot.SHORT_TEMPLATES),
)
"""Sets of prompts that are tried, by rising cost."""
TAIL = 2.5
"""Per cent of the resamples on each side of an interval."""


@dataclass(frozen=True)
class CalibrationReport:
    """A calibration, and the figures before and after it."""

    facts: EncoderFacts
    calibration: Calibration
    prompts: str
    """The name of the chosen set of prompts."""
    over: str
    figures: Mapping[str, Figure]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {
            "task": "calibration",
            "model": self.facts.name,
            "fingerprint": self.facts.fingerprint,
            "temperature": self.calibration.temperature,
            "templates": {"name": self.prompts, "prompts": list(self.calibration.templates)},
            "images": self.calibration.images,
            "over": self.over,
            "figures": {
                name: {"value": one.value, "low": one.low, "high": one.high}
                for name, one in self.figures.items()
            },
            "skipped": [
                {"name": one.name, "code": one.code, "message": one.message}
                for one in self.failures
            ],
            "notes": list(self.notes),
        }

    def tables(self) -> list[Table]:
        """The figures, for people."""
        rows = [(spoken(name), *shown(name, figure)) for name, figure in self.figures.items()]
        return [(("figure", "value", "95 % interval"), rows)]


@dataclass(frozen=True)
class _Case:
    """One set of prompts on the pictures."""

    templates: Templates
    cosines: NDArray[np.float32]
    """(n, labels)."""
    correct: NDArray[np.bool_]
    """(n,)."""


def calibrate(bench: Bench, model: str, task: Task) -> CalibrationReport:
    """Fit the calibration of a model, and keep it in the collection. Raises InputError where there
    is no collection or are too few pictures, and what no temperature fits; ModelError."""
    if not bench.settings.is_made:
        raise InputError(
            f"{bench.settings.place}: holds no collection to keep a calibration in; index some "
            "pictures first, or name another folder with --data"
        )
    with bench.model(model) as measured:
        report = _fitted(measured, task)
    bench.keep(report.facts, report.calibration)
    return report


def _fitted(model: MeasuredModel, task: Task) -> CalibrationReport:
    images = model.images(task.data.paths)
    kept = np.flatnonzero(images.kept)
    if len(kept) < FEWEST:
        raise InputError(
            f"{counted(len(kept), 'picture')} to calibrate with; at least {FEWEST} are needed"
        )
    truth = np.array([task.labels.of_class[task.data.classes[i]] for i in kept])
    given = [task.templates] if task.templates.prompts else PROMPTS
    cases = [_case(model, images.rows, truth, task, templates) for templates in given]
    chosen = _fewest(cases)
    scale = model.encoder.facts.logit_scale
    logits = scale * chosen.cosines
    found = Calibration(fit_temperature(logits, truth), chosen.templates.prompts, len(kept))
    return CalibrationReport(
        model.encoder.facts,
        found,
        chosen.templates.name,
        f"{counted(len(kept), 'image')} of "
        f"{counted(len(set(truth.tolist())), 'class', 'classes')}, "
        f"{counted(len(task.labels.names), 'label')}",
        _figures(logits, truth, chosen),
        (*task.data.failures, *images.failures),
        task.data.notes,
    )


def _case(
    model: MeasuredModel,
    rows: Embeddings,
    truth: NDArray[np.int64],
    task: Task,
    templates: Templates,
) -> _Case:
    cosines = rows @ label_matrix(model, task.labels, templates).T
    return _Case(templates, cosines, cosines.argmax(axis=1) == truth)


def _fewest(cases: Sequence[_Case]) -> _Case:
    """The cheapest prompts: dearer ones must be shown to be better than those chosen before."""
    chosen = cases[0]
    for case in cases[1:]:
        gain = compare(
            {"accuracy": partial(metrics.share, case.correct)},
            {"accuracy": partial(metrics.share, chosen.correct)},
            len(case.correct),
        )["accuracy"]
        if gain.low > 0:
            chosen = case
    return chosen


def _figures(
    logits: NDArray[np.float32], truth: NDArray[np.int64], chosen: _Case
) -> dict[str, Figure]:
    before = _confidence(logits)
    after = np.empty_like(before)
    order = np.random.default_rng(0).permutation(len(truth))
    for judged, fitted in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        temperature = fit_temperature(logits[fitted], truth[fitted])
        after[judged] = _confidence(logits[judged] / temperature)
    right = chosen.correct
    figures: dict[str, Statistic] = {
        "calibration_error_before": partial(_error, before, right),
        "calibration_error_after": partial(_error, after, right),
    }
    accuracy = Figure(float(right.mean()))
    return {"accuracy_top_1": accuracy, **_intervals(figures, len(truth))}


def _confidence(logits: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(zero_shot.chances(logits.astype(np.float64)).max(axis=1))


def _error(
    confidence: NDArray[np.float32], correct: NDArray[np.bool_], weights: metrics.Weights
) -> float:
    return metrics.expected_calibration_error(confidence, correct, weights=weights)


def _intervals(statistics: Mapping[str, Statistic], n: int) -> dict[str, Figure]:
    """Each statistic with its basic bootstrap interval, [2 x - high, 2 x - low] (Davison and
    Hinkley, 1997, 5.2). Resampling raises a calibration error, and this takes the rise away."""
    draws = np.array([[one(w) for one in statistics.values()] for w in resamples(n)])
    low, high = np.percentile(draws, (TAIL, 100 - TAIL), axis=0)
    figures = {}
    for place, (name, statistic) in enumerate(statistics.items()):
        value = statistic(np.ones(n))
        bounds = 2 * value - high[place], 2 * value - low[place]
        figures[name] = Figure(value, max(0.0, float(bounds[0])), max(0.0, float(bounds[1])))
    return figures

"""Results of measurements, as JSON and as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from mmembed.eval.bootstrap import LEVEL, RESAMPLES, SEED, Figure
from mmembed.eval.stored_embeddings import Counts
from mmembed.types import Failure

Table: TypeAlias = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Heads and rows."""

WORST = 10
"""Classes and confusions shown in a table; JSON has all."""


@dataclass(frozen=True)
class ClassResult:
    """The recognised images of one class."""

    name: str
    label: str
    images: int
    accuracy: float


@dataclass(frozen=True)
class Confusion:
    """How often images of one label were mistaken for another."""

    true: str
    predicted: str
    images: int


@dataclass(frozen=True)
class EvalReport:
    """One model's figures on one set of images."""

    task: str
    model: str
    engine: str
    """The engine that ran the model."""
    fingerprint: str
    images: int
    """The number of images behind the figures."""
    over: str
    """The data behind the figures, in words."""
    figures: Mapping[str, Figure]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    counts: Mapping[str, Counts] = field(default_factory=dict)
    details: Mapping[str, object] = field(default_factory=dict)
    classes: tuple[ClassResult, ...] = ()
    """By rising accuracy."""
    confusions: tuple[Confusion, ...] = ()
    """By falling number."""

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        answer: dict[str, Any] = {
            "task": self.task,
            "model": self.model,
            "engine": self.engine,
            "fingerprint": self.fingerprint,
            "images": self.images,
            **self.details,
            "figures": {name: asdict(figure) for name, figure in self.figures.items()},
            "bootstrap": {"level": LEVEL, "resamples": RESAMPLES, "seed": SEED},
            "skipped": [asdict(failure) for failure in self.failures],
            "notes": list(self.notes),
            "vectors": {what: asdict(counts) for what, counts in self.counts.items()},
        }
        if self.classes:
            answer["classes"] = [asdict(result) for result in self.classes]
            answer["confusions"] = [asdict(confusion) for confusion in self.confusions]
        return answer

    def tables(self) -> list[Table]:
        """The head lines for people."""
        rows = [(spoken(name), *shown(name, figure)) for name, figure in self.figures.items()]
        tables: list[Table] = [(("figure", "value", "95 % interval"), rows)]
        worst = [result for result in self.classes[:WORST] if result.accuracy < 1]
        if worst:
            heads = ("worst classes", "images", "accuracy", "label")
            tables.append(
                (heads, [(o.name, str(o.images), _percent(o.accuracy), o.label) for o in worst])
            )
        if self.confusions:
            pairs = [(str(o.images), o.true, o.predicted) for o in self.confusions[:WORST]]
            tables.append((("mistaken", "true", "for"), pairs))
        return tables

    def origin(self) -> str:
        """The origin of the vectors, in a line."""
        parts = [
            f"{what}: {counts.from_cache} from cache, {counts.embedded} embedded"
            for what, counts in self.counts.items()
        ]
        return "; ".join(parts)


def shown(name: str, figure: Figure) -> tuple[str, str]:
    """A figure and its interval, as percentages if it is a share."""
    write = _percent if name.split("_")[-1].isdigit() or "accuracy" in name else _plain
    if figure.low is None or figure.high is None:
        return write(figure.value), ""
    return write(figure.value), f"{write(figure.low)} to {write(figure.high)}"


def spoken(name: str) -> str:
    """A figure's name for people."""
    return name.replace("_", " ").replace("recall at ", "recall@")


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _plain(value: float) -> str:
    return f"{value:.4g}"

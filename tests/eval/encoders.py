"""Encoders whose answers are known, and tasks for them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mmembed.eval import Bench, EvalReport, Task, read_labelled, read_labels, read_templates
from mmembed.types import Embeddings, Pixels
from tests.cli import processes
from tests.fake_encoder import FakeEncoder

LIMIT = 2000
SAYS_LABEL = ("{}",)
OpenBench = Callable[..., Bench]


class FixedEncoder(FakeEncoder):
    """A picture's red channel says which vector it gets; a text's is looked up."""

    def __init__(
        self,
        images: dict[int, Sequence[float]],
        texts: dict[str, Sequence[float]],
        name: str = "fixed",
    ) -> None:
        super().__init__(name)
        self.facts = replace(self.facts, dim=3, logit_scale=float(np.log(4) / 0.2))
        self.images, self.texts = images, texts

    def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
        self.batches.append(len(pixels))
        reds = pixels[:, 0, 0, 0]
        return np.array([self.images[int(red)] for red in reds], np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        self.batches.append(len(texts))
        return np.array([self.texts[text] for text in texts], np.float32)


def nobody(what: str, done: int, total: int, failed: int) -> None:
    pass


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def task(data: Path, labels: Path | None = None, **options: Any) -> Task:
    found = read_labelled(data)
    names = read_labels(found.classes, labels, limit=LIMIT, **options)
    return Task(found, names, read_templates("short"))


def values(report: EvalReport) -> dict[str, float]:
    return {name: figure.value for name, figure in report.figures.items()}


def fake(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`mmembed eval` over the fake encoder."""
    return processes.fake("eval", *arguments)

"""What every way is given and gives back; imports nothing but NumPy, so that it runs anywhere."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

VECTORS = "vectors.npy"


@dataclass(frozen=True)
class Job:
    """Embed every picture of a folder.

    weights: folder with `open_clip/`, `transformers/` and `onnx/`; out: folder for what is stored.
    """

    weights: Path
    pictures: Path
    out: Path
    options: tuple[str, ...] = ()

    @classmethod
    def from_argv(cls) -> Job:
        """From `WEIGHTS PICTURES OUT [OPTION…]` on the command line."""
        weights, pictures, out, *options = sys.argv[1:]
        return cls(Path(weights), Path(pictures), Path(out), tuple(options))

    def paths(self) -> list[str]:
        """The pictures' paths, sorted: the order of the vectors."""
        return sorted(str(path) for path in self.pictures.iterdir())

    def save(self, vectors: Any) -> None:
        """Store array-like (n, dim) of any norm, in the order of `paths`."""
        np.save(self.out / VECTORS, np.asarray(vectors, dtype=np.float32))


_kept: list[Any] = []  # operator schemas vanish with the Library object that declared them


def allow_any_torchvision() -> None:
    """Let torchvision be imported where its build does not fit torch's, as happens beside a CPU
    build of torch: its transforms, all that is needed here, are pure Python. Call before it is
    imported."""
    import torch

    if torch.version.cuda is None and not _kept:
        library: Any = torch.library
        schemas = library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            schemas.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _kept.append(schemas)

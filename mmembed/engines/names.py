"""The names of the engines and their properties; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import InputError

AUTO, REFERENCE, OPENVINO, INT8 = "auto", "torch-float32", "openvino", "openvino-int8"
COMPILED = "torch-compiled"

ENGINES = {
    "torch-float32": "open_clip's own towers as they are; the reference for all others",
    "torch-onednn": "the same, with oneDNN's matrix products: about twice as fast on AMD",
    "torch-bfloat16": "weights with 8 bits of precision, if the processor computes with them",
    "torch-float16": "for graphics cards",
    COMPILED: "the same, its image tower compiled at each start; for NVIDIA's graphics cards",
    "openvino-float32": "towers compiled by OpenVINO; as exact as torch-float32",
    "openvino-bfloat16": "compiled, weights with 8 bits of precision; fastest on most servers",
    INT8: "compiled, 8-bit integers: faster, not exact; made by `mmembed models --quantize`",
}
"""Every engine, with a description for people."""


MIN_COSINE = {
    "float32": 0.9999,
    "onednn": 0.9999,
    "bfloat16": 0.9995,
    "float16": 0.9995,
    "compiled": 0.9995,
    "int8": 0.98,
}
"""The least cosine to the reference's vectors, by the end of an engine's name."""

_WORTH_COMPILING = 1.2  # must be so many times as fast: each start waits for the compiler


@dataclass(frozen=True)
class Measured:
    """The figures of an engine's trial."""

    engine: str
    images_per_second: float
    text_ms: float
    """Milliseconds for one short text."""
    cosine: float
    """The smallest cosine between its vectors and the reference's."""

    @property
    def exact_enough(self) -> bool:
        """Whether its vectors may stand beside those of the other engines."""
        return self.cosine >= MIN_COSINE[self.engine.rpartition("-")[2]]

    @property
    def worth(self) -> float:
        """The figure that the best engine maximises: images a second, less for an engine that
        starts late."""
        return self.images_per_second / (_WORTH_COMPILING if self.engine == COMPILED else 1)

    def at_best(self, images_per_second: float) -> Measured:
        """The same with these images a second, if they are more."""
        return replace(self, images_per_second=max(self.images_per_second, images_per_second))


class Engine(Protocol):
    """Runs two towers. The owner makes one call at a time."""

    @property
    def name(self) -> str:
        """One of ENGINES."""

    @property
    def device(self) -> str:
        """The device, as torch names it."""

    @property
    def batch(self) -> int:
        """Inputs in one forward pass at which it is fastest; more only costs memory."""

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (n, height, width, 3), sRGB → float32 (n, dim), not normalised."""

    def encode_texts(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """int64 (n, length) → float32 (n, dim), not normalised."""


def check_name(name: str) -> str:
    """The name itself. Raises InputError if there is no such engine."""
    if name != AUTO and name not in ENGINES:
        raise InputError(f"engine {name}: unknown; choose {AUTO} or one of {', '.join(ENGINES)}")
    return name

"""Quantises the image tower to 8-bit integers: twice as fast again, and no longer exact. Owns nncf.

This is post-training quantisation: every product gets the range of numbers that it met on the
user's own pictures. The text tower stays as it is, because it runs once for a query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmembed.engines.names import INT8, Measured
from mmembed.errors import ModelError

if TYPE_CHECKING:
    from mmembed.engines.openvino_engine import OpenVinoEngine
    from mmembed.engines.towers import Towers


def quantised(
    towers: Towers, calibration: NDArray[np.uint8], trial: NDArray[np.uint8]
) -> tuple[OpenVinoEngine, Measured]:
    """`openvino-int8`, calibrated on pictures, and its cosine to the reference on others: both
    uint8 (n, height, width, 3). Raises ModelError if OpenVINO or nncf is missing."""
    from mmembed.engines.choice import Trial
    from mmembed.engines.openvino_engine import compiled, converted, openvino_engines
    from mmembed.engines.torch_engine import TorchEngine

    if not openvino_engines():
        raise ModelError(f"engine {INT8}: needs OpenVINO, which this system lacks")
    images, texts = converted(towers)
    engine = compiled(INT8, (_calibrated(images, calibration), texts))
    reference = TorchEngine("torch-float32", towers)
    measured = Trial.of(towers, reference, trial).measure(INT8, lambda name: engine)
    return engine, measured


def _calibrated(graph: Any, pixels: NDArray[np.uint8]) -> Any:
    try:
        import nncf
    except ImportError as error:
        raise ModelError(
            f"engine {INT8}: needs the nncf package: pip install 'mmembed[int8]'"
        ) from error
    data = nncf.Dataset([picture[None] for picture in pixels])
    kind = nncf.ModelType.TRANSFORMER
    return nncf.quantize(graph, data, subset_size=len(pixels), model_type=kind)

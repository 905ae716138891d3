"""open_clip's own preprocessing, to the last bit, without torch on the decoding threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

_LONGEST_ASPECT = 50  # longer pictures are cropped before resizing


class Preprocessing:
    """Resize and crop by the transform's own Pillow steps; its two tensor steps in NumPy.

    Tensor operations would wake torch's thread pool on every decoding thread and slow down
    the thread that runs the model; dividing and subtracting give the same floats in NumPy.
    """

    def __init__(self, transform: Any) -> None:
        """`transform` is open_clip's composed one, which ends in ToTensor and Normalize."""
        *self._steps, to_tensor, normalize = transform.transforms
        names = (type(to_tensor).__name__, type(normalize).__name__)
        if names not in (("MaybeToTensor", "Normalize"), ("ToTensor", "Normalize")):
            raise ValueError(f"unexpected preprocessing steps {names}")
        self._mean = np.asarray(normalize.mean, np.float32).reshape(3, 1, 1)
        self._std = np.asarray(normalize.std, np.float32).reshape(3, 1, 1)

    def __call__(self, image: Image.Image) -> NDArray[np.float32]:
        """RGB image → float32 (3, height, width)."""
        image = _without_far_ends(image)
        for step in self._steps:
            image = _apply(step, image)
        pixels = np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255)
        normal: NDArray[np.float32] = np.ascontiguousarray((pixels - self._mean) / self._std)
        return normal


def _apply(step: Callable[[Image.Image], Image.Image], image: Image.Image) -> Image.Image:
    return step(image)


def _without_far_ends(image: Image.Image) -> Image.Image:
    """Keep the middle of a very long picture: resizing its shorter side to 224 would make
    gigabytes of one that is 1 pixel wide, only for the crop to throw them away."""
    longest = _LONGEST_ASPECT * min(image.size)
    if max(image.size) <= longest:
        return image
    width, height = (min(side, longest) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))

"""Resizing and cropping as the model's config asks, in Pillow, as open_clip's transform does.

Pictures come out as bytes; the image tower normalises them itself, which costs it nothing and
saves the decoding threads three copies in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

_LONGEST_ASPECT = 50  # longer pictures are cropped before resizing
_KEEP = 2  # times as many pixels a side as are wanted, so that shrinking while decoding is no loss
_FILTERS = {"nearest": 0, "bilinear": 2, "bicubic": 3}  # Pillow's numbers


@dataclass(frozen=True)
class Preprocessing:
    """open_clip's `preprocess_cfg`: how an upright RGB picture becomes the model's pixels."""

    height: int
    width: int
    mode: str
    """shortest (side, then cropped), longest (side, then padded) or squash."""
    filter: int
    """Pillow's number of the resampling filter."""
    fill: int
    """Grey value beside a padded picture."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Preprocessing:
        """Raises ValueError for what open_clip does not know either."""
        height, width = config["size"]
        mode, interpolation = config["resize_mode"], config["interpolation"]
        if mode not in ("shortest", "longest", "squash") or interpolation not in _FILTERS:
            raise ValueError(f"unknown preprocessing {mode}, {interpolation}")
        if mode == "shortest" and height != width:
            interpolation = "bicubic"  # what open_clip takes there, whatever the config says
        return cls(height, width, mode, _FILTERS[interpolation], int(config["fill_color"]))

    @property
    def decode_side(self) -> int:
        """Pixels that a picture's shorter side should keep where it is shrunk while decoding."""
        return _KEEP * max(self.height, self.width)

    def __call__(self, image: Image.Image) -> NDArray[np.uint8]:
        """RGB image → uint8 (height, width, 3).

        Resizing and cropping are one step, which differs from two by 0.2 of 255 on average.
        """
        image = _without_far_ends(image)
        if self.mode == "longest":
            return self._padded(image)
        wide, high = self._resized(image.width, image.height)
        left, top = _margin(wide, self.width), _margin(high, self.height)
        across, down = image.width / wide, image.height / high
        box = (left * across, top * down, (left + self.width) * across, (top + self.height) * down)
        return np.array(image.resize((self.width, self.height), self.filter, box=box))

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        """Width and height before cropping."""
        if self.mode == "squash":
            return self.width, self.height
        if self.height == self.width:
            short = min(width, height)
            return max(self.width, int(self.width * width / short)), max(
                self.height, int(self.height * height / short)
            )
        ratio = min(height / self.height, width / self.width)
        return round(width / ratio), round(height / ratio)

    def _padded(self, image: Image.Image) -> NDArray[np.uint8]:
        ratio = max(image.height / self.height, image.width / self.width)
        size = round(image.width / ratio), round(image.height / ratio)
        small = np.asarray(image.resize(size, self.filter))
        high, wide = small.shape[:2]
        top, left = (self.height - high) // 2, (self.width - wide) // 2
        pixels = np.full((self.height, self.width, 3), self.fill, np.uint8)
        pixels[top : top + high, left : left + wide] = small
        return pixels


def _margin(size: int, kept: int) -> int:
    """Pixels cut off before the kept ones, where the middle is kept."""
    return round((size - kept) / 2)


def _without_far_ends(image: Image.Image) -> Image.Image:
    """Keep the middle of a very long picture: resizing its shorter side to 224 would make
    gigabytes of one that is 1 pixel wide, only for the crop to throw them away."""
    longest = _LONGEST_ASPECT * min(image.size)
    if max(image.size) <= longest:
        return image
    width, height = (min(side, longest) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))

"""Resizes and crops by the model's config, in Pillow, as open_clip's transform does.

The result is bytes. The image tower normalises them itself, which costs it nothing and saves the
decoding threads three copies in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmembed.types import Box

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
        """Raises ValueError for values that open_clip does not know either."""
        height, width = config["size"]
        mode, interpolation = config["resize_mode"], config["interpolation"]
        if mode not in ("shortest", "longest", "squash") or interpolation not in _FILTERS:
            raise ValueError(f"unknown preprocessing {mode}, {interpolation}")
        if mode == "shortest" and height != width:
            interpolation = "bicubic"  # open_clip's own value in that case, whatever the config
        return cls(height, width, mode, _FILTERS[interpolation], int(config["fill_color"]))

    @property
    def decode_side(self) -> int:
        """Pixels that a picture's shorter side should keep if it is shrunk while decoding."""
        return _KEEP * max(self.height, self.width)

    def __call__(self, image: Image.Image, box: Box | None = None) -> NDArray[np.uint8]:
        """RGB image, or a box of it → uint8 (height, width, 3).

        Resizing and cropping are one step, which differs from two by 0.2 of 255 on average.
        """
        box = _without_far_ends(box or (0, 0, *image.size))
        if self.mode == "longest":
            return self._padded(image, box)
        start, above, width, height = _measured(box)
        wide, high = self._resized(width, height)
        across, down = width / wide, height / high
        left = start + _margin(wide, self.width) * across
        top = above + _margin(high, self.height) * down
        kept = (left, top, left + self.width * across, top + self.height * down)
        return np.array(image.resize((self.width, self.height), self.filter, box=kept))

    def _resized(self, width: float, height: float) -> tuple[int, int]:
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

    def _padded(self, image: Image.Image, box: Box) -> NDArray[np.uint8]:
        _, _, width, height = _measured(box)
        ratio = max(height / self.height, width / self.width)
        size = round(width / ratio), round(height / ratio)
        small = np.asarray(image.resize(size, self.filter, box=box))
        high, wide = small.shape[:2]
        top, left = (self.height - high) // 2, (self.width - wide) // 2
        pixels = np.full((self.height, self.width, 3), self.fill, np.uint8)
        pixels[top : top + high, left : left + wide] = small
        return pixels


def _margin(size: int, kept: int) -> int:
    """Pixels cut off before the kept middle."""
    return round((size - kept) / 2)


def _measured(box: Box) -> tuple[float, float, float, float]:
    """Left, top, width and height."""
    left, top, right, bottom = box
    return left, top, right - left, bottom - top


def _without_far_ends(box: Box) -> Box:
    """Keep the middle of a very long picture. Resizing the shorter side of a picture 1 pixel wide
    to 224 would make gigabytes, and the crop would drop them."""
    left, top, width, height = _measured(box)
    longest = _LONGEST_ASPECT * min(width, height)
    if max(width, height) <= longest:
        return box
    left, top = left + max(0, width - longest) // 2, top + max(0, height - longest) // 2
    return left, top, left + min(width, longest), top + min(height, longest)

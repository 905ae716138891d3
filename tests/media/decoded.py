"""The pixels that a picture is decoded to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed.media.decode import decode


def pixels(source: bytes | Path) -> NDArray[np.int16]:
    """int16, so that differences can be taken; (height, width, 3)."""
    picture = decode(source)
    assert picture.image.mode == "RGB"
    assert not picture.image.info
    return np.asarray(picture.image).astype(np.int16)

"""Very many small pictures, quickly made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def many(folder: Path, count: int) -> Path:
    """Small pictures that all differ, in folders, some with captions."""
    for number in range(count):
        pixels = np.full((8, 8, 3), 200, np.uint8)
        pixels[0, 0] = number % 200 + 1, number // 200 + 1, 7
        path = folder / f"{number % 7}" / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        if number % 10 == 0:
            path.with_suffix(".txt").write_text(f"picture {number}")
    return folder

"""Makes the two golden pictures and what OpenAI's preprocessing makes of them.

The recipe is written out in Pillow and NumPy, without torch or open_clip. To keep the file
small, every fourth pixel of every fourth row is stored. Run: python -m tests.golden.make
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HERE = Path(__file__).parent
SIZE = 224
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def waves(width: int, height: int) -> Image.Image:
    """Colour waves of rising frequency: resizing must not alias."""
    y, x = np.mgrid[0:height, 0:width] / height
    bands = [np.sin(60 * x * x + 9 * k) * np.cos(25 * y * (k + 1)) for k in range(3)]
    return Image.fromarray((127.5 + 127 * np.stack(bands, axis=2)).astype(np.uint8))


def rings(width: int, height: int) -> Image.Image:
    """Sharp rings around a point off the centre: the crop must be where it belongs."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    radius = np.hypot(x - width / 3, y - height / 2)
    bands = [np.where((radius // (7 + 4 * k)) % 2, 230 - 40 * k, 20 + 30 * k) for k in range(3)]
    return Image.fromarray(np.stack(bands, axis=2).astype(np.uint8))


def preprocess(image: Image.Image) -> NDArray[np.float32]:
    """RGB image → float32 (3, 224, 224): shorter side to 224, bicubic; centre; normalise."""
    scale = SIZE / min(image.size)
    width, height = (SIZE if s == min(image.size) else int(s * scale) for s in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - SIZE) / 2), round((height - SIZE) / 2)
    image = image.crop((left, top, left + SIZE, top + SIZE))
    pixels = np.asarray(image, np.float32) / np.float32(255)
    tensor: NDArray[np.float32] = ((pixels - MEAN) / STD).transpose(2, 0, 1)
    return tensor


if __name__ == "__main__":
    waves(331, 257).save(HERE / "waves.jpg", quality=85)
    rings(240, 391).save(HERE / "rings.png", optimize=True)
    files = ("waves.jpg", "rings.png")
    tensors = {f: preprocess(Image.open(HERE / f).convert("RGB"))[:, ::4, ::4] for f in files}
    np.savez_compressed(HERE / "tensors.npz", allow_pickle=False, **tensors)

"""JPEG files like photographs, made once: the gallery's pictures at a photograph's size, with a
sensor's noise, so that the files have a photograph's size as well."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.machine import ROOT

SIZES = {"640x480": (640, 480), "2MP": (1632, 1224), "12MP": (4000, 3000)}
SEED = 0
QUALITY = 85
NOISE = 9.0  # standard deviation of the lightness, of 255
DISTINCT_PIXELS = 400_000_000  # pictures beyond that many repeat, with other bytes
COMMENT = b"\xff\xfe"


def photographs(cache: Path, size: str, count: int, source: Path | None = None) -> Path:
    """A folder of exactly `count` JPEG files of a size; no two have the same bytes.

    source: a folder of real photographs, which are then taken as they are. Raises ValueError
    if it has none.
    """
    made = cache / "pictures" / (size if source is None else f"photos-{source.name}")
    made.mkdir(parents=True, exist_ok=True)
    if source is None:
        width, height = SIZES[size]
        distinct = max(1, min(count, DISTINCT_PIXELS // (width * height)))
        fill(made, count, distinct, lambda index: photograph(index, width, height))
    else:
        files = sorted(
            path for path in source.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg"}
        )
        if not files:
            raise ValueError(f"{source}: has no JPEG files")
        fill(made, count, len(files), lambda index: files[index].read_bytes())
    return first(made, count)


def fill(folder: Path, count: int, distinct: int, make: Callable[[int], bytes]) -> None:
    """Write what is missing of `count` files; after the distinct ones, copies of them with a
    comment, since mmembed and rclip embed the same bytes only once."""
    for index in range(count):
        path = folder / f"{index:06}.jpg"
        if path.exists():
            continue
        original = folder / f"{index % distinct:06}.jpg"
        data = make(index) if index < distinct else commented(original.read_bytes(), index)
        partial = path.with_suffix(".partial")
        partial.write_bytes(data)
        partial.rename(path)


def first(folder: Path, count: int) -> Path:
    """The first `count` files of a folder, linked into a folder of their own."""
    chosen = folder.with_name(f"{folder.name}-first-{count}")
    chosen.mkdir(exist_ok=True)
    names = (path.name for path in sorted(folder.glob("*.jpg"))[:count])
    for name in itertools.filterfalse(lambda name: (chosen / name).exists(), names):
        os.link(folder / name, chosen / name)
    return chosen


def photograph(index: int, width: int, height: int) -> bytes:
    """JPEG bytes of the index-th picture."""
    gallery = sorted(
        path for path in (ROOT / "fixtures/gallery").iterdir() if path.suffix != ".txt"
    )
    random = np.random.default_rng([SEED, index, width])
    with Image.open(gallery[index % len(gallery)]) as opened:
        picture = ImageOps.fit(opened.convert("RGB"), (width, height), Image.Resampling.BICUBIC)
    noise = random.standard_normal((height, width, 1), dtype=np.float32) * NOISE
    return jpeg(np.asarray(picture, np.float32) + noise)


def tiny(folder: Path, start: int, count: int, side: int = 96) -> None:
    """`count` small distinct pictures, soft blots of colour, for growth: cheap to make."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(start, start + count):
        path = folder / f"{index:06}.jpg"
        if not path.exists():
            blots = np.random.default_rng([SEED, index]).integers(0, 256, (6, 6, 3), np.uint8)
            Image.fromarray(blots).resize((side, side), Image.Resampling.BICUBIC).save(path)


def jpeg(pixels: NDArray[np.float32]) -> bytes:
    """(height, width, 3), 0 to 255 → JPEG bytes."""
    from io import BytesIO

    written = BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(written, "JPEG", quality=QUALITY)
    return written.getvalue()


def commented(data: bytes, index: int) -> bytes:
    """The same picture with a comment after the start marker: other bytes, same pixels."""
    text = f"{index:08}".encode()
    return data[:2] + COMMENT + (len(text) + 2).to_bytes(2, "big") + text + data[2:]

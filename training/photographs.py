"""Photographs for training, taken out of git clones and packed as arrays.

    python -m training.photographs --clones FOLDER --cache FOLDER

FOLDER holds clones (bare ones will do) of the repositories that `SOURCES` names. Nothing of
what they hold is part of this project; origins and terms of use are in the model card.
"""

from __future__ import annotations

import argparse
import io
import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Source:
    """Pictures below `folder` at `revision` of the clone `clone`, kept at `side` pixels."""

    name: str
    clone: str
    revision: str
    folder: str
    side: int


SOURCES = (
    Source("flickr8k", "Image-Text-Matching", "56a15d91", "data/images", 176),
    Source("tiny_train", "IMagenet", "HEAD", "tiny-imagenet-200/train", 64),
    Source("tiny_val", "IMagenet", "HEAD", "tiny-imagenet-200/val", 64),
    Source("imagenette", "imagenette", "HEAD", "train", 160),
    Source("coco", "Image-Captioning", "41745f74", "data", 176),
    Source("places", "Intel-Image-Classifier", "HEAD", "train", 100),
)


@dataclass(frozen=True)
class Photographs:
    """Pictures squashed to squares: uint8 (n, side, side, 3), and the paths they had."""

    pixels: Pixels
    paths: list[str]

    @property
    def stems(self) -> list[str]:
        """File names without folder and ending."""
        return [PurePosixPath(path).stem for path in self.paths]

    @property
    def folders(self) -> list[str]:
        """For Tiny-ImageNet and Imagenette: the WordNet number that labels the picture."""
        parts = [PurePosixPath(path).parts for path in self.paths]
        return [next((p for p in reversed(path[:-1]) if p != "images"), "") for path in parts]


def _blobs(clone: Path, source: Source) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of every JPEG of a source, in the order of their paths."""
    git = ["git", "-C", str(clone)]
    listing = subprocess.run(
        [*git, "ls-tree", "-r", "-z", source.revision, "--", source.folder],
        check=True, capture_output=True,
    ).stdout.decode()  # fmt: skip
    entries = [entry.split("\t", 1) for entry in listing.split("\0") if entry]
    wanted = [(meta.split()[2], path) for meta, path in entries
              if path.lower().endswith((".jpg", ".jpeg"))]  # fmt: skip
    names = "".join(f"{number}\n" for number, _ in wanted).encode()
    packed = subprocess.run([*git, "cat-file", "--batch"], input=names, check=True,
                            capture_output=True).stdout  # fmt: skip
    start = 0
    for _, path in wanted:
        line = packed.index(b"\n", start)
        size = int(packed[start:line].split()[2])
        yield path, packed[line + 1 : line + 1 + size]
        start = line + 1 + size + 1


def _square(data: bytes, side: int) -> Pixels:
    with Image.open(io.BytesIO(data)) as picture:
        whole = picture.convert("RGB")
    if whole.size != (side, side):
        whole = whole.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3)
    return np.asarray(whole)


def pack(source: Source, clones: Path, cache: Path) -> None:
    """Write `NAME.npy` and `NAME.txt` of a source into `cache`."""
    entries = list(_blobs(clones / source.clone, source))
    pixels = np.empty((len(entries), source.side, source.side, 3), np.uint8)
    with ProcessPoolExecutor() as pool:
        squares = pool.map(_square, [data for _, data in entries],
                           [source.side] * len(entries), chunksize=256)  # fmt: skip
        for row, square in enumerate(squares):
            pixels[row] = square
    np.save(cache / f"{source.name}.npy", pixels)
    (cache / f"{source.name}.txt").write_text("\n".join(path for path, _ in entries) + "\n")
    print(f"{source.name}: {len(entries)} pictures", flush=True)


def load(cache: Path, name: str) -> Photographs:
    """A packed source, its pixels mapped into memory, not read."""
    paths = (cache / f"{name}.txt").read_text().splitlines()
    return Photographs(np.load(cache / f"{name}.npy", mmap_mode="r"), paths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clones", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        if not (arguments.cache / f"{source.name}.txt").exists():
            pack(source, arguments.clones, arguments.cache)


if __name__ == "__main__":
    main()

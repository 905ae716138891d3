"""What decoding a JPEG file to a half, a quarter or an eighth does to its vector.

    python benchmarks/scaled_decoding.py --photos ~/Pictures --model bundled \\
        --model local-dir:/path/to/another

Every photograph of at least 8 megapixels below the folder is embedded as a whole, and again with
its shorter side kept at 1 to 4 times the model's own. Prints a table: lowest and median cosine to
the whole one's vector, and how far the model's pixels differ, of 255. `_KEEP` in
mmembed/encoder/preprocessing.py is chosen from it.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed import Settings, load_encoder
from mmembed.media.decode import decode
from mmembed.models.encoder import Encoder

TIMES = (1.0, 2.0, 3.0, 4.0)
SMALLEST = 8_000_000  # pixels, so that every photograph is shrunk at every side


def photographs(folder: Path) -> Iterator[bytes]:
    """JPEG files of SMALLEST pixels and more, below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in {".jpg", ".jpeg"}:
            data = path.read_bytes()
            picture = decode(data, side=1)
            if picture.width * picture.height >= SMALLEST:
                yield data


def compare(encoder: Encoder, photos: list[bytes]) -> dict[float, list[tuple[float, float]]]:
    """For each of TIMES and each photograph: cosine, and mean difference of the pixels."""
    found = defaultdict(list)
    for data in photos:
        whole = prepared(encoder, data, None)
        vector = encoder.embed_preprocessed(whole[None])[0]
        for times in TIMES:
            side = round(times * max(whole.shape[:2]))
            pixels = prepared(encoder, data, side)
            cosine = float(encoder.embed_preprocessed(pixels[None])[0] @ vector)
            found[times].append((cosine, difference(pixels, whole)))
    return found


def prepared(encoder: Encoder, data: bytes, side: int | None) -> NDArray[np.uint8]:
    """uint8 (height, width, 3): the model's pixels of a file that is decoded to a side."""
    picture = decode(data, side=side)
    return encoder.preprocess(picture.image, picture.box)


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """The mean over all pixels, of 255."""
    return float(np.abs(one.astype(np.int16) - other).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR")
    parser.add_argument("--model", action="append", metavar="ID", help="may be repeated")
    parser.add_argument("--engine", default="torch-float32")
    asked = parser.parse_args()
    photos = list(photographs(asked.photos))
    if not photos:
        parser.error(f"{asked.photos}: has no JPEG files of {SMALLEST / 1e6:g} megapixels")
    print(f"{len(photos)} photographs\n")
    print("| model | side | cosine, lowest | median | pixels, mean difference | worst |")
    print("|---|---|---|---|---|---|")
    for model in asked.model or ["bundled"]:
        cache = Settings.from_env().cache
        encoder = load_encoder(model, engine=asked.engine, cache=cache)
        for times, figures in compare(encoder, photos).items():
            cosines, differences = zip(*figures, strict=True)
            print(
                f"| {encoder.facts.name} | {times:g}x | {min(cosines):.5f} "
                f"| {np.median(cosines):.5f} "
                f"| {np.mean(differences):.2f} | {max(differences):.2f} |"
            )


if __name__ == "__main__":
    main()

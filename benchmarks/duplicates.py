"""How many copies of photographs are found as duplicates, and how many other pictures are.

    python -m benchmarks.duplicates FOLDER [--among FOLDER] [--count 500]    → tables in Markdown
    python -m benchmarks.duplicates --vectors 100000 1000000                 → times and memory

Each photograph has a copy in each form. For each form, the photographs, their copies and the
pictures of --among are grouped together. Photographs and other pictures are halved by a hash of
their names: --half chooses the half that is looked at, so that rules can be chosen on one half and
judged on the other.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.duplicate_forms import FORMS
from benchmarks.duplicate_speed import report_speed
from mmembed import load_encoder
from mmembed.errors import ImageError
from mmembed.explore.duplicates.decisions import Decisions
from mmembed.explore.duplicates.entries import Findings
from mmembed.explore.duplicates.find_groups import find_groups
from mmembed.explore.duplicates.picture_table import Likenesses, PictureTable
from mmembed.media.decode import decode
from mmembed.media.perceptual_hash import PictureHashes, hash_of, hash_rows
from mmembed.models.encoder import Encoder
from mmembed.search.copies import NEVER
from mmembed.types import Embeddings

BATCH = 64
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
NOTHING_SAID = Decisions({}, frozenset())
SHOWN = 20


@dataclass(frozen=True)
class Seen:
    """Pictures as an indexing keeps them."""

    names: list[str]
    vectors: Embeddings
    """float32 (n, dim), unit-norm."""
    hashes: list[bytes]

    def __add__(self, other: Seen) -> Seen:
        vectors = np.concatenate([self.vectors, other.vectors])
        return Seen(self.names + other.names, vectors, self.hashes + other.hashes)


def seen(encoder: Encoder, files: Sequence[tuple[str, bytes]]) -> Seen:
    """Decode, hash and embed files; a file that cannot be decoded is left out."""
    names: list[str] = []
    hashes: list[bytes] = []
    vectors: list[Embeddings] = []
    for start in range(0, len(files), BATCH):
        pixels = []
        for name, data in files[start : start + BATCH]:
            try:
                picture = decode(data, name=name, side=encoder.facts.decode_side)
            except ImageError:
                continue
            names.append(name)
            hashes.append(hash_of(picture))
            pixels.append(encoder.preprocess(picture.image, picture.box))
        if pixels:
            vectors.append(encoder.embed_preprocessed(np.stack(pixels)))
    return Seen(names, np.concatenate(vectors), hashes)


def table_of(pictures: Seen) -> PictureTable:
    """The table of a collection that holds these pictures, without dates."""
    count = len(pictures.names)
    rows = pictures.vectors.astype(np.float32)
    mean = rows.mean(axis=0)
    rest = rows - mean
    lengths = np.linalg.norm(rest, axis=1)
    numbers = [str(number) for number in range(count)]
    return PictureTable(
        contents=numbers,
        items=[(number,) for number in range(count)],
        pixels=np.zeros(count, np.int64),
        bytes=np.zeros(count, np.int64),
        has_header=np.zeros(count, dtype=bool),
        taken=np.full(count, NEVER),
        camera=np.zeros(count, np.int32),
        alike=Likenesses(
            (rest / lengths[:, None]).astype(np.float16), lengths, rows @ mean, float(mean @ mean)
        ),
        hashes=PictureHashes.of(
            hash_rows(numbers, dict(zip(numbers, pictures.hashes, strict=True)))
        ),
        is_centred=True,
    )


@dataclass(frozen=True)
class Rung:
    """The result for one form."""

    found: int
    """Copies in one group with their photograph, as the same shot."""
    alike: int
    """Others in one group with it, as look-alikes."""
    wrong: set[tuple[str, str]]
    """Pairs of different pictures that are in one group, as the same shot."""


def judged(findings: Findings, names: Sequence[str], count: int) -> Rung:
    """names: of photographs, as many copies of the same names, and other pictures."""
    found = alike = 0
    wrong: set[tuple[str, str]] = set()
    for group in findings.groups:
        for one, other in combinations(group.item_ids, 2):
            if other == one + count or one == other + count:
                found += group.kind == "same_shot"
                alike += group.kind == "look_alike"
            elif group.kind == "same_shot" and names[one] != names[other]:
                first, second = sorted((names[one], names[other]))
                wrong.add((first, second))
    return Rung(found, alike, wrong)


def files_of(folder: Path, half: int | None) -> Iterator[Path]:
    """The pictures of a folder, in a fixed order that is no order of names."""

    def key(path: Path) -> str:
        return hashlib.sha256(path.name.encode()).hexdigest()

    paths = sorted((path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES), key=key)
    return (path for path in paths if half is None or int(key(path), 16) % 2 == half)


def copies_of(paths: Sequence[Path], form: str) -> list[tuple[str, bytes]]:
    """A copy of each photograph."""
    made = []
    for path in paths:
        random = np.random.default_rng(int.from_bytes(path.name.encode()[:8], "little"))
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        made.append((path.name, FORMS[form](upright, random)))
    return made


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--among", nargs="*", type=Path, default=[])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--others", type=int, default=8000)
    parser.add_argument("--half", type=int, choices=(0, 1))
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--vectors", type=int, nargs="+", metavar="COUNT")
    asked = parser.parse_args()
    if asked.vectors:
        report_speed(asked.vectors)
    if asked.folder is not None:
        report_ladder(asked)


def report_ladder(asked: argparse.Namespace) -> None:
    """The table of forms, and the wrong pairs."""
    encoder = load_encoder(asked.model)
    paths = list(files_of(asked.folder, asked.half))[: asked.count]
    chosen = {path.name for path in paths}
    others = [
        path
        for folder in asked.among
        for path in files_of(folder, asked.half)
        if path.name not in chosen
    ][: asked.others]
    originals = seen(encoder, [(path.name, path.read_bytes()) for path in paths])
    among = seen(encoder, [(path.name, path.read_bytes()) for path in others])
    print(f"{len(paths)} photographs among {len(others)} others\n")
    print("| form | found | as look-alikes | 95 % interval | wrong pairs | precision |")
    print("|---|---|---|---|---|---|")
    everything: set[tuple[str, str]] = set()
    for form in FORMS:
        copies = seen(encoder, copies_of(paths, form))
        pictures = originals + copies + among
        findings = find_groups(table_of(pictures), NOTHING_SAID, lambda *_: None)
        rung = judged(findings, pictures.names, len(paths))
        everything |= rung.wrong
        print(row_of(form, rung, len(paths)), flush=True)
    print(f"\n{len(everything)} wrong pairs:")
    for one, other in sorted(everything)[:SHOWN]:
        print(f"- {one}, {other}")


def row_of(form: str, rung: Rung, count: int) -> str:
    """A row of the table."""
    share = rung.found / count
    low, high = wilson(rung.found, count)
    precision = rung.found / max(1, rung.found + len(rung.wrong))
    return (
        f"| {form} | {share:.3f} | {rung.alike / count:.3f} | {low:.3f}–{high:.3f} | "
        f"{len(rung.wrong)} | {precision:.3f} |"
    )


def wilson(found: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    z, share = 1.96, found / count
    centre = share + z * z / (2 * count)
    spread = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    below = 1 + z * z / count
    return float((centre - spread) / below), float((centre + spread) / below)


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"\n{time.monotonic() - started:.0f} s")

"""Time and memory of finding duplicates among many vectors, and the share that is found."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks.vectors import DIM, clustered
from mmembed.explore.duplicates import find_groups as find_groups_module
from mmembed.explore.duplicates.decisions import Decisions
from mmembed.explore.duplicates.find_groups import find_groups
from mmembed.explore.duplicates.pairs import KeptPairs, Pairs
from mmembed.explore.duplicates.picture_table import Likenesses, PictureTable
from mmembed.explore.duplicates.vector_pairs import alike_pairs
from mmembed.media.part_hashes import PARTS
from mmembed.media.perceptual_hash import LAYOUT, VERSION, PictureHashes
from mmembed.search.copies import NEVER

PLANTED = 0.02
"""Share of the vectors that are copies of others."""
EQUAL = 10_000
"""Equal vectors with equal hashes, as black frames have; a tenth of all at the most."""
CLOSE = 0.15
"""Length of the noise of a copy: a cosine of 0.99."""
LEAST = 0.9
SHOWN_S = 30
CHECKED = 2000
"""Rows whose pairs are compared with those of a whole product."""


@dataclass(frozen=True)
class Speed:
    """The figures for one size."""

    count: int
    seconds: float
    """Of a clock."""
    processor_s: float
    """Of all cores, for the same."""
    pairs_s: float
    """Of these, for the pairs of vectors."""
    memory_mb: float
    """At the peak, less the program and the vectors themselves."""
    groups: int
    planted: float
    """The share of the planted copies that are in one group with their originals."""
    of_exact: float
    """The share of the pairs of a whole product that is found, of CHECKED rows."""


def made(count: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """float16 (n, dim) vectors, hashes in LAYOUT, and the place of each planted copy's original,
    -1 for others."""
    random = np.random.default_rng(3)
    rows = clustered(count, DIM, seed=1)
    hashes = np.zeros(count, LAYOUT)
    hashes["version"], hashes["contrast"] = VERSION, 50
    for name in ("p", "d", "mirrored_d"):
        hashes[name] = random.integers(0, 2**64, count, dtype=np.uint64)
    hashes["parts"] = random.integers(0, 2**64, (count, 2, PARTS), dtype=np.uint64)
    of = np.full(count, -1)
    copies = random.permutation(count)[: int(PLANTED * count)]
    originals = random.permutation(np.setdiff1d(np.arange(count), copies))[: len(copies)]
    noise = random.normal(size=(len(copies), DIM)).astype("f4") * (CLOSE / DIM**0.5)
    near = rows[originals].astype("f4") + noise
    rows[copies] = near / np.linalg.norm(near, axis=1, keepdims=True)
    for name in ("p", "d", "mirrored_d"):
        flipped = np.uint64(1) << random.integers(0, 64, len(copies), dtype=np.uint64)
        hashes[name][copies] = hashes[name][originals] ^ flipped
    of[copies] = originals
    equal = np.flatnonzero(of < 0)
    equal = np.setdiff1d(equal, originals)[: min(EQUAL, count // 10)]
    rows[equal], hashes[equal] = rows[equal[0]], hashes[equal[0]]
    return rows, hashes, of


def measured(count: int) -> Speed:
    """Runs in a process of its own."""
    rows, hashes, of = made(count)
    nothing = np.zeros(count, np.float32)
    table = PictureTable(
        [str(number) for number in range(count)],
        [(number,) for number in range(count)],
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, dtype=bool),
        np.full(count, NEVER),
        np.zeros(count, np.int32),
        Likenesses(rows, np.ones(count, np.float32), nothing, 0.0),
        PictureHashes.of(hashes),
        True,
    )
    before, began, used = _peak_mb(), time.monotonic(), time.process_time()
    with _watched() as watched:
        findings = find_groups(table, Decisions({}, frozenset()), _Shown())
    seconds, processor_s = time.monotonic() - began, time.process_time() - used
    group_of = np.arange(count) + len(findings.groups)
    for number, group in enumerate(findings.groups):
        group_of[list(group.item_ids)] = number
    copies = np.flatnonzero(of >= 0)
    return Speed(
        count, seconds, processor_s, watched.seconds, _peak_mb() - before, len(findings.groups),
        float((group_of[copies] == group_of[of[copies]]).mean()),
        _share_of_exact(rows, of, watched.kept.all()),
    )  # fmt: skip


class _Shown:
    """Tells the progress of long searches, now and then."""

    def __init__(self) -> None:
        self._began = self._told = time.monotonic()

    def __call__(self, done: int, total: int, failed: int) -> None:
        now = time.monotonic()
        if now - self._told > SHOWN_S:
            self._told = now
            share = f"{done:,} of {total:,} pictures compared"
            print(f"{share} after {now - self._began:.0f} s", file=sys.stderr, flush=True)


@dataclass
class _Watched:
    """The search for pairs of vectors within one for groups."""

    seconds: float = 0.0
    """Of all cores."""
    kept: KeptPairs = field(default_factory=lambda: KeptPairs(0))


@contextmanager
def _watched() -> Iterator[_Watched]:
    watched = _Watched()

    def timed(*arguments: Any) -> KeptPairs:
        began = time.process_time()
        kept = alike_pairs(*arguments)
        watched.seconds, watched.kept = time.process_time() - began, kept
        return kept

    with patch.object(find_groups_module, "alike_pairs", timed):
        yield watched


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _share_of_exact(rows: NDArray[Any], of: NDArray[Any], pairs: Pairs) -> float:
    """Of the copies' pairs at least as alike as LEAST, those that were found."""
    copies = np.flatnonzero(of >= 0)[:CHECKED]
    cosines = np.einsum("nd,nd->n", rows[copies].astype("f4"), rows[of[copies]].astype("f4"))
    wanted = copies[cosines >= LEAST]
    first, last = np.minimum(wanted, of[wanted]), np.maximum(wanted, of[wanted])
    return float(np.isin(first << 32 | last, pairs.some << 32 | pairs.others).mean())


def report_speed(counts: Sequence[int]) -> None:
    """A table of sizes."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {DIM} numbers a vector\n")
    print("| pictures | seconds | of the processor | of these, pairs of vectors | MB beside the "
          "vectors | groups | copies found | pairs found |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for count in counts:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            one = process.submit(measured, count).result()
        print(
            f"| {one.count:,} | {one.seconds:.1f} | {one.processor_s:.1f} | {one.pairs_s:.1f} | "
            f"{one.memory_mb:,.0f} | {one.groups:,} | {one.planted:.4f} | {one.of_exact:.4f} |",
            flush=True,
        )
    print()

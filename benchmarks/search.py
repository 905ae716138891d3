"""Nearest neighbours: mmembed beside NumPy and faiss, the same queries in turns.

Every index is built, and then asked, in a process of its own, so that no library's threads sit in
another's way. What was built is kept, and built only once.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.asking import Asked
from benchmarks.machine import versions
from benchmarks.measurement import table
from benchmarks.peers.index_job import MB, K, unit
from benchmarks.processes import RunFailed, run
from benchmarks.search_ways import SearchWay

TIE = 1e-6  # of cosine: what is as near as the tenth is as good
EFFORTS = (64, 128, 256, 512)
ENOUGH = 0.99  # recall at which a way that can be widened is no more widened
PAUSE = 0.04  # seconds in which the threads of the one before stop spinning
TOGETHER = 32
ROUNDS = 5  # of so many queries at once

HEADS = ("vectors", "way", "build, s", "file, MB", "open, s", "memory, MB",
         "p50, ms", "p99, ms", f"recall@{K}", f"queries/s, {TOGETHER} at once")  # fmt: skip

Place = NDArray[np.int64]


@dataclass
class Found:
    """What one way gave over one set of vectors."""

    vectors: int
    way: str
    versions: dict[str, str]
    reason: str = ""
    """Why there are no figures."""
    effort: int = 0
    build_s: float = math.nan
    peak_mb: float = math.nan
    file_mb: float = math.nan
    open_s: float = math.nan
    memory_mb: float = math.nan
    ms: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)
    batches_ms: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """With what it was widened to."""
        return f"{self.way}/{self.effort}" if self.effort else self.way


class Judge:
    """Says how many of the nearest ten an answer holds, by the exact scores of its vectors."""

    def __init__(self, folder: Path) -> None:
        self.vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        self.queries = np.load(folder / "queries.npy")
        self.tenth: dict[int, float] = {}

    def scores(self, query: int, ids: Sequence[int]) -> NDArray[np.float32]:
        """float32 (n,); an id that is not there scores less than any."""
        known = [one for one in ids if one >= 0]
        found: NDArray[np.float32] = unit(self.vectors[known]) @ self.queries[query]
        return found

    def learn(self, index: Asked) -> None:
        """Take what an exact index answers for the truth."""
        for query in range(len(self.queries)):
            self.tenth[query] = float(self.scores(query, index.ask(query).ids[0]).min())

    def recall(self, query: int, ids: Sequence[int]) -> float:
        """The share of ten that is as near as the tenth nearest; equals are equally good."""
        distinct = list(dict.fromkeys(ids))[:K]
        return float((self.scores(query, distinct) >= self.tenth[query] - TIE).sum()) / K


def build(ways: Sequence[SearchWay], folder: Path, say: Callable[[str], None]) -> None:
    """Build what is not there; what cannot be built is said, and tried again the next time."""
    for way in {way.stored: way for way in ways}.values():
        if way.note(folder).exists():
            continue
        say(f"{folder.name}: building {way.stored}")
        try:
            way.note(folder).write_text(run(way.command("build", folder)).output)
        except RunFailed as error:
            say(f"{way.stored}: {error}")


def ask(ways: Sequence[SearchWay], folder: Path) -> list[Found]:
    """All queries of the folder to all ways, of which the first is exact and says what is right."""
    judge = Judge(folder)
    found = [
        Found(len(judge.vectors), way.name, versions(way.python, way.packages)) for way in ways
    ]
    asked: list[tuple[Asked, Found]] = []
    with ExitStack() as stack:
        for way, one in zip(ways, found, strict=True):
            try:
                index = stack.enter_context(opened(way, folder, one))
            except RunFailed as error:
                one.reason = str(error)
                continue
            if not judge.tenth:
                judge.learn(index)
            if way.can_be_widened:
                one.effort = widened(index, judge)
            asked.append((index, one))
        in_turns(asked, judge)
        together(asked, len(judge.queries))
        for index, one in asked:
            one.memory_mb = index.memory_mb()
    return found


def opened(way: SearchWay, folder: Path, one: Found) -> Asked:
    """Its process, with the costs of building and opening noted. Raises RunFailed."""
    if not way.note(folder).exists():
        raise RunFailed("not built")
    for key, value in json.loads(way.note(folder).read_text()).items():
        setattr(one, key, value)
    one.file_mb = sum(path.stat().st_size for path in folder.glob(way.files)) / MB
    index = Asked(way.command("serve", folder))
    one.open_s = index.open_s
    return index


def widened(index: Asked, judge: Judge) -> int:
    """The least effort that finds enough, or the largest."""
    queries = range(len(judge.queries))
    for effort in EFFORTS:
        index.widen(effort)
        if np.mean([judge.recall(one, index.ask(one).ids[0]) for one in queries]) >= ENOUGH:
            break
    return effort


def in_turns(asked: Sequence[tuple[Asked, Found]], judge: Judge) -> None:
    """Every query to every way, one after the other, in another order each time. Each follows on
    one that does not count, so that threads are awake and caches hold what is theirs."""
    order, queries = random.Random(0), len(judge.queries)
    for query in range(queries):
        for index, one in order.sample(list(asked), len(asked)):
            time.sleep(PAUSE)
            index.ask((query + 1) % queries)
            answer = index.ask(query)
            one.ms.append(answer.ms)
            one.recalls.append(judge.recall(query, answer.ids[0]))


def together(asked: Sequence[tuple[Asked, Found]], queries: int) -> None:
    """Several queries at once, in turns; the first round is not counted."""
    for number in range(ROUNDS + 1):
        first = number * TOGETHER % max(1, queries - TOGETHER)
        for index, one in asked:
            time.sleep(PAUSE)
            spent = index.ask(first, min(TOGETHER, queries)).ms
            if number:
                one.batches_ms.append(spent)


def rows(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """The table's."""
    return [row(one) for one in found]


def row(one: Found) -> tuple[str, ...]:
    """A way with its figures, or with the reason why there are none."""
    if one.reason:
        return f"{one.vectors:,}", one.name, f"not timed: {one.reason}", *[""] * (len(HEADS) - 3)
    p50, p99 = np.percentile(one.ms, (50, 99))
    rate = min(TOGETHER, len(one.ms)) / (float(np.median(one.batches_ms)) / 1000)
    return (
        f"{one.vectors:,}",
        one.name,
        f"{one.build_s:,.1f}" if one.build_s else "–",
        f"{one.file_mb:,.0f}",
        f"{one.open_s:.2f}",
        f"{one.memory_mb:,.0f}",
        f"{p50:.2f}",
        f"{p99:.2f}",
        f"{np.mean(one.recalls):.4f}",
        f"{rate:,.0f}",
    )


def shown(found: Sequence[Found]) -> str:
    """The Markdown table, and the versions."""
    packages = {name: version for one in found for name, version in one.versions.items()}
    said = ", ".join(f"{name} {version}" for name, version in packages.items())
    return f"{table(HEADS, rows(found))}\n\n{said}"


def recorded(found: Sequence[Found]) -> list[dict[str, object]]:
    """For JSON, with every single query's time."""
    return [asdict(one) for one in found]

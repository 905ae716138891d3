"""Reads SQLite's write-ahead log and its index without SQLite.

SQLite reads a log up to its first wrong checksum, and drops the rest silently. Only files that no
connection has open may be read here: closing one would free SQLite's locks.

Formats: https://www.sqlite.org/walformat.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
MAGIC = 0x377F0682
"""Its last bit says whether checksums are of big-endian words."""
CHUNK = 1024
"""Frames read at once."""
INDEX_HEADER_BYTES = 48

Words = NDArray[np.uint32]


@dataclass(frozen=True)
class LogFile:
    """The content of a write-ahead log."""

    salts: bytes
    """Eight random bytes in all frames of this filling of the file."""
    committed: int
    """Frames up to the last commit that SQLite will find."""
    lost_commits: int
    """Commits of the same filling after a frame that is damaged."""


@dataclass(frozen=True)
class LogIndex:
    """The last state of the log in its shared index."""

    salts: bytes
    committed: int
    """Frames that were committed."""
    folded: int
    """Committed frames that the database holds already."""


def read_log(path: Path) -> LogFile | None:
    """The log; None if it is missing or holds nothing. Raises OSError."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if size < HEADER_BYTES + FRAME_HEADER_BYTES or not any(header):
        return None
    magic, _, page_bytes = struct.unpack_from(">3I", header)
    if magic & ~1 != MAGIC or page_bytes not in (1 << bit for bit in range(9, 17)):
        return LogFile(header[16:24], 0, _whole_frames(size, 4096))
    order = ">" if magic & 1 else "<"
    chain = _Chain(order, page_bytes)
    state = np.zeros(2, np.uint32)
    seal = _sums(np.frombuffer(header[:24], f"{order}u4").astype(np.uint32), state)
    sound = seal.astype(">u4").tobytes() == header[24:32]
    return _walk(path, size, header[16:24], seal, chain, sound)


def _whole_frames(size: int, page_bytes: int) -> int:
    return (size - HEADER_BYTES) // (page_bytes + FRAME_HEADER_BYTES)


def _walk(path: Path, size: int, salts: bytes, seal: Words, chain: _Chain, sound: bool) -> LogFile:
    """Frame after frame: first frames with right checksums, then frames that no reader will
    find."""
    number = committed = lost = 0
    for frames in _frames(path, size, chain.page_bytes):
        seals = chain.seals(frames, seal)
        stored = np.ascontiguousarray(frames[:, 16:24]).view(">u4").astype(np.uint32)
        commits: NDArray[np.bool_] = np.any(frames[:, 4:8], axis=1)
        given = np.frombuffer(salts, np.uint8)
        same = frames[:, 8:16] == given
        ours: NDArray[np.bool_] = np.all(same[:, :4], axis=1) | np.all(same[:, 4:], axis=1)
        good: NDArray[np.bool_] = np.all(same, axis=1) & np.all(seals == stored, axis=1)
        for index in range(len(frames)):
            number += 1
            sound = sound and bool(good[index])
            if not sound:
                lost += int(ours[index] and commits[index])
            elif commits[index]:
                committed = number
        seal = stored[-1]
    return LogFile(salts, committed, lost)


def _frames(path: Path, size: int, page_bytes: int) -> Iterator[NDArray[np.uint8]]:
    step = page_bytes + FRAME_HEADER_BYTES
    with path.open("rb") as file:
        file.seek(HEADER_BYTES)
        left = _whole_frames(size, page_bytes)
        while left > 0:
            raw = file.read(min(left, CHUNK) * step)
            left -= CHUNK
            whole = len(raw) // step * step
            if whole:
                yield np.frombuffer(raw[:whole], np.uint8).reshape(-1, step)


class _Chain:
    """SQLite's checksum runs through all frames: each word depends on all before it. It is linear,
    so the contribution of a frame is one product, and only these are added up in order."""

    def __init__(self, order: str, page_bytes: int) -> None:
        self.page_bytes = page_bytes
        self._order = order
        steps = (8 + page_bytes) // 8
        rows = []
        power = np.eye(2, dtype=np.uint32)
        step = np.array([[1, 1], [1, 2]], np.uint32)
        for _ in range(steps):
            rows += [power[:, 1], power @ np.array([1, 1], np.uint32)]
            power = power @ step
        self._weights = np.array(rows[::-1], np.uint32)
        self._power = power

    def seals(self, frames: NDArray[np.uint8], seal: Words) -> Words:
        """The checksum (n, 2) that each frame should have, if all earlier ones are right."""
        words = np.hstack([frames[:, :8], frames[:, FRAME_HEADER_BYTES:]])
        numbers = words.view(f"{self._order}u4").astype(np.uint32)
        added = numbers @ self._weights
        stored = np.ascontiguousarray(frames[:, 16:24]).view(">u4").astype(np.uint32)
        before = np.vstack([seal[None], stored[:-1]])
        return np.asarray(before @ self._power.T + added, np.uint32)


def _sums(words: Words, state: Words) -> Words:
    """SQLite's checksum of a few words, word by word."""
    first, second = (int(number) for number in state)
    for even, odd in words.reshape(-1, 2).tolist():
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return np.array([first, second], np.uint32)


def read_index(path: Path) -> LogIndex | None:
    """The index of a log; None if it is missing or was being written. Raises OSError."""
    try:
        with path.open("rb") as file:
            raw = file.read(2 * INDEX_HEADER_BYTES + 4)
    except FileNotFoundError:
        return None
    header, copy = raw[:INDEX_HEADER_BYTES], raw[INDEX_HEADER_BYTES : 2 * INDEX_HEADER_BYTES]
    if len(raw) < 2 * INDEX_HEADER_BYTES + 4 or header != copy or not header[12]:
        return None
    [committed] = struct.unpack_from("=I", header, 16)
    [folded] = struct.unpack_from("=I", raw, 2 * INDEX_HEADER_BYTES)
    return LogIndex(header[32:40], committed, folded)

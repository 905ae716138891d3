"""Tables of pictures whose facts a test chooses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmembed.explore.duplicates.decisions import Decisions
from mmembed.explore.duplicates.picture_table import Likenesses, PictureTable
from mmembed.media.perceptual_hash import PictureHashes, hash_rows
from mmembed.search.copies import moment_of

NOTHING_SAID = Decisions({}, frozenset())


def table_of(
    vectors: np.ndarray,
    *,
    hashes: Sequence[bytes | None] = (),
    items: Sequence[tuple[int, ...]] = (),
    pixels: Sequence[int] = (),
    taken: Sequence[str | None] = (),
    camera: Sequence[int] = (),
) -> PictureTable:
    """n pictures of contents `0`, `1` …; without a mean, so that likenesses are cosines. vectors:
    (n, dim). By default, the id of each is its place + 1."""
    count = len(vectors)
    rows = np.asarray(vectors, np.float32)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    names = [str(place) for place in range(count)]
    known = {name: row for name, row in zip(names, hashes, strict=False) if row is not None}
    return PictureTable(
        contents=names,
        items=list(items) or [(place + 1,) for place in range(count)],
        pixels=np.array(pixels or [100] * count, np.int64),
        bytes=np.full(count, 9, np.int64),
        has_header=np.zeros(count, dtype=bool),
        taken=np.array([moment_of(one) for one in taken or [None] * count], "M8[ms]"),
        camera=np.array(camera or [0] * count, np.int32),
        alike=Likenesses(
            rows.astype(np.float16), np.ones(count, np.float32), np.zeros(count, np.float32), 0.0
        ),
        hashes=PictureHashes.of(hash_rows(names, known)),
        is_centred=True,
    )


def quiet(done: int, total: int, failed: int) -> None:
    """Shows nothing."""

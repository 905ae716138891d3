"""Changes items of several shards.

A new image goes to a shard by its content, and with it its captions, tags and words. An image at a
known path stays where it is, whatever its content becomes; a copy joins the image with its content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import NotFound
from mmembed.store.chunks import Chunk
from mmembed.store.entries import CaptionEntry, ImageEntry, Model, Reading
from mmembed.store.shards.asked_shards import again_if_departed
from mmembed.store.shards.numbers import Numbers
from mmembed.store.shards.rendezvous import home_of
from mmembed.store.shards.shard import Shard
from mmembed.store.shards.sharded_files import ShardedFiles, grouped
from mmembed.types import Failure, Kind


class ShardedWriter(ShardedFiles):
    """See ItemWriter, and what Vectors and Chunks change."""

    # -- items -----------------------------------------------------------------------

    @again_if_departed
    def write(self, entries: Sequence[ImageEntry], failures: Sequence[Failure] = ()) -> list[int]:
        """See ItemWriter.write. Raises Unstorable."""
        homes, touched = self._homes(entries)
        filled = self._with_embeddings(entries)
        paths = [entry.path for entry in entries]
        noted = bool(failures) or bool(self._doors[0].ask(lambda shard: shard.failed_among(paths)))
        parts = grouped(zip(homes, filled, strict=True))
        jobs: dict[int, Callable[[Shard], list[int]]] = {
            home: partial(
                Shard.write,
                entries=parts.get(home, []),
                failures=failures if home == 0 else (),
                settled=paths if home == 0 else (),
            )
            for home in {*homes, *([0] if noted else [])}
        }
        if not jobs:
            return []
        done = self._change(jobs, Numbers(self._numbers, filled), touched=touched)
        ids = {home: iter(some) for home, some in done.items()}
        return [next(ids[home]) for home in homes]

    def _homes(self, entries: Sequence[ImageEntry]) -> tuple[list[int], dict[int, list[int]]]:
        """The shard of each entry, by index, and the images at their paths, by shard."""
        if not entries:
            return [], {}
        paths = [entry.path for entry in entries]
        contents = [entry.sha256 for entry in entries]
        places = self._ask(lambda shard: shard.places(paths, contents))
        by_path = {path: n for n, (known, _) in enumerate(places) for path in known}
        by_content = {sha256: n for n, (_, known) in enumerate(places) for sha256 in known}
        taking = self._taking()
        homes = [
            by_path.get(entry.path, by_content.get(entry.sha256, home_of(entry.sha256, taking)))
            for entry in entries
        ]
        touched = grouped((n, places[n][0][path]) for path, n in by_path.items())
        return homes, touched

    def _taking(self) -> int:
        """How many shards take new images: while one is being added, it takes none."""
        facts = self._doors[0].ask(lambda shard: shard.shard_facts())
        return len(self._doors) - (facts is not None and facts.joining)

    def write_caption(self, entry: CaptionEntry, tags: Sequence[str] = ()) -> int:
        """See ItemWriter.write_caption. Raises Unstorable."""
        return self.write_captions([(entry, tags)])[0]

    @again_if_departed
    def write_captions(self, captions: Sequence[tuple[CaptionEntry, Sequence[str]]]) -> list[int]:
        """See ItemWriter.write_captions. Raises Unstorable."""
        if not captions:
            return []
        contents = [entry.sha256 for entry, _ in captions]
        places = self._ask(lambda shard: shard.captions_alone(contents))
        known = {sha256: n for n, ids in enumerate(places) for sha256 in ids}
        taking = self._taking()
        homes = [known.get(sha256, home_of(sha256, taking)) for sha256 in contents]
        [filled] = self._with_captions([[entry for entry, _ in captions]])
        tagged = zip(filled, [tags for _, tags in captions], strict=True)
        parts = grouped(zip(homes, tagged, strict=True))
        done = self._change(
            {n: partial(Shard.write_captions, captions=part) for n, part in parts.items()},
            touched=grouped((n, places[n][sha256]) for sha256, n in known.items()),
        )
        ids = {n: iter(some) for n, some in done.items()}
        return [next(ids[home]) for home in homes]

    @again_if_departed
    def update(
        self,
        item_id: int,
        *,
        captions: Sequence[CaptionEntry] | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        """See ItemWriter.update. Raises NotFound, Unstorable."""
        home = self._shards_of([item_id]).get(item_id)
        if home is None:
            raise NotFound(f"item {item_id}: no such item")
        filled = None if captions is None else self._with_captions([captions])[0]
        job = partial(Shard.update, item_id=item_id, captions=filled, tags=tags)
        self._change({home: job}, touched={home: [item_id]})

    @again_if_departed
    def describe(self, described: Sequence[tuple[int, Reading, Sequence[CaptionEntry]]]) -> None:
        """See ItemWriter.describe. Raises Unstorable."""
        shards = self._shards_of([image_id for image_id, *_ in described])
        filled = self._with_captions([captions for *_, captions in described])
        parts = grouped(
            (shards[image_id], (image_id, reading, captions))
            for (image_id, reading, _), captions in zip(described, filled, strict=True)
            if image_id in shards
        )
        self._change_some(
            {n: partial(Shard.describe, described=part) for n, part in parts.items()},
            {n: [image_id for image_id, *_ in part] for n, part in parts.items()},
        )

    @again_if_departed
    def remove(self, item_ids: Sequence[int]) -> int:
        """See ItemWriter.remove."""
        known = self._ask(lambda shard: shard.ids_among(item_ids))
        parts = {n: sorted(ids) for n, ids in enumerate(known) if ids}
        ids = set[int]().union(*known)
        self._change_some(
            {n: partial(Shard.remove, item_ids=part) for n, part in parts.items()},
            # An item that moves just now is removed from both shards.
            parts if len(ids) == sum(map(len, known)) else {},
        )
        return len(ids)

    # -- embeddings that another shard has -------------------------------------------

    def _with_embeddings(self, entries: Sequence[ImageEntry]) -> list[ImageEntry]:
        """The entries with the vectors that they lack: of other entries, or of any shard."""
        wanted = {entry.sha256 for entry in entries if entry.embedding is None}
        known: dict[str, NDArray[np.float32] | None] = {}
        if wanted:
            stored = self.embeddings_of("image", sorted(wanted))
            known.update({sha256: row.astype(np.float32) for sha256, row in stored.items()})
            given = (entry for entry in entries if entry.sha256 in wanted)
            known.update({one.sha256: one.embedding for one in given if one.embedding is not None})
        captions = self._with_captions([entry.captions for entry in entries])
        return [
            replace(
                entry,
                captions=tuple(some),
                embedding=known.get(entry.sha256) if entry.embedding is None else entry.embedding,
            )
            for entry, some in zip(entries, captions, strict=True)
        ]

    def _with_captions(
        self, captions: Sequence[Sequence[CaptionEntry]]
    ) -> list[list[CaptionEntry]]:
        wanted = {
            entry.sha256
            for some in captions
            for entry in some
            if entry.embedding is None and not entry.chunks
        }
        if not wanted:
            return [list(some) for some in captions]
        parts = self._joined(lambda shard: shard.parts_of("caption", sorted(wanted)))
        given = {entry.sha256: entry for some in captions for entry in some}
        known = {sha256: _caption(given[sha256], some) for sha256, some in parts.items()}
        return [
            [known.get(entry.sha256, entry) if entry.sha256 in wanted else entry for entry in some]
            for some in captions
        ]

    # -- models, vectors and chunks --------------------------------------------------

    def claim(self, model: Model) -> None:
        """See Vectors.claim. Raises ModelMismatch."""
        for door in self._doors:  # the first decides
            door.ask(lambda shard: shard.claim(model))

    def serve(self, model: Model) -> None:
        """See Vectors.serve. Raises ModelMismatch."""
        self._change({n: partial(Shard.serve, model=model) for n in range(len(self._doors))})

    def add_embeddings(
        self, kind: Kind, embeddings: Mapping[str, NDArray[np.float32]], model: Model
    ) -> None:
        """See Vectors.add_embeddings. Raises Unstorable."""
        job = partial(Shard.add_embeddings, kind=kind, embeddings=embeddings, model=model)
        self._change(dict.fromkeys(range(len(self._doors)), job))

    def cut_captions(self, cuts: Mapping[str, Sequence[Chunk]], down_to: int) -> None:
        """See Chunks.cut_captions. Raises Unstorable."""
        job = partial(Shard.cut_captions, cuts=cuts, down_to=down_to)
        self._change(dict.fromkeys(range(len(self._doors)), job))


def _caption(
    entry: CaptionEntry, parts: Sequence[tuple[int, int | None, NDArray[np.float16]]]
) -> CaptionEntry:
    """An entry with stored vectors."""
    rows = [(start, stop, row.astype(np.float32)) for start, stop, row in parts]
    if rows[0][1] is None:
        return replace(entry, embedding=rows[0][2])
    chunks = tuple(Chunk(start, stop or 0, row) for start, stop, row in rows)
    return replace(entry, chunks=chunks)

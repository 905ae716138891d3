"""Changes what indexing remembers of files, and the indexes of fields, in several shards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from mmembed.errors import NotFound, Unstorable
from mmembed.store.entries import KeptOut, Mark
from mmembed.store.shards.asked_shards import again_if_departed
from mmembed.store.shards.shard import Shard
from mmembed.store.shards.sharded_vectors import ShardedVectors
from mmembed.types import HeaderFacts

T = TypeVar("T")


class ShardedFiles(ShardedVectors):
    """See Files and Fields."""

    def _shards_of(self, item_ids: Sequence[int]) -> dict[int, int]:
        """The shards of the items that are there, by index."""
        known = self._ask(lambda shard: shard.ids_among(item_ids))
        return {item_id: n for n, ids in enumerate(known) for item_id in ids}

    def _change_some(
        self, jobs: Mapping[int, Callable[[Shard], object]], touched: Mapping[int, Sequence[int]]
    ) -> None:
        if jobs:
            self._change(jobs, touched=touched)

    # -- files -----------------------------------------------------------------------

    @again_if_departed
    def move(self, moves: Sequence[tuple[int, str, int, Mark]]) -> None:
        """See Files.move. Raises Unstorable for a path at which another image lies."""
        moved = {item_id for item_id, *_ in moves}
        shards = self._shards_of(list(moved))
        paths = [path for _, path, *_ in moves]
        others = self.images_at(paths)
        for item_id, path, *_ in moves:
            if item_id in shards and path in others and others[path].item_id not in moved:
                raise Unstorable(f"{path}: another image lies there")
        job = partial(Shard.move, moves=moves)
        touched = grouped((n, item_id) for item_id, n in shards.items())
        self._change(dict.fromkeys({0, *shards.values()}, job), touched=touched)

    @again_if_departed
    def mark_files(self, marks: Sequence[tuple[int, Mark]]) -> None:
        """See Files.mark_files."""
        shards = self._shards_of([item_id for item_id, _ in marks])
        parts = grouped((shards[one[0]], one) for one in marks if one[0] in shards)
        self._change_some(
            {n: partial(Shard.mark_files, marks=part) for n, part in parts.items()},
            {n: [item_id for item_id, _ in part] for n, part in parts.items()},
        )

    @again_if_departed
    def note_headers(self, headers: Mapping[int, HeaderFacts], version: int) -> None:
        """See Files.note_headers."""
        shards = self._shards_of(list(headers))
        parts = grouped((shards[one[0]], one) for one in headers.items() if one[0] in shards)
        self._change_some(
            {
                n: partial(Shard.note_headers, headers=dict(part), version=version)
                for n, part in parts.items()
            },
            {n: [item_id for item_id, _ in part] for n, part in parts.items()},
        )

    def forget_places(self) -> None:
        """See Files.forget_places."""
        self._ask(lambda shard: shard.forget_places())

    def forget_failures(self, gone: Callable[[str], bool]) -> None:
        """See Files.forget_failures."""
        self._doors[0].ask(lambda shard: shard.forget_failures(gone))

    def keep_out(self, paths: Mapping[str, KeptOut]) -> None:
        """See Files.keep_out."""
        devices = self._joined(lambda shard: shard.devices_of(list(paths)))
        known = {
            path: KeptOut(one.sha256, devices.get(path) if one.device is None else one.device)
            for path, one in paths.items()
        }
        self._doors[0].ask(lambda shard: shard.keep_out(known))

    def let_in(self, paths: Sequence[str]) -> None:
        """See Files.let_in."""
        self._doors[0].ask(lambda shard: shard.let_in(paths))

    # -- fields ----------------------------------------------------------------------

    def index_field(self, name: str) -> None:
        """See Fields.index_field. Raises LimitError."""
        self._ask(lambda shard: shard.index_field(name))

    def drop_field_index(self, name: str) -> None:
        """See Fields.drop_field_index. Raises NotFound."""
        found = self._ask(lambda shard: _dropped(shard, name))
        if not any(found):
            raise NotFound(f"meta.{name}: the field has no index")


def _dropped(shard: Shard, name: str) -> bool:
    try:
        shard.drop_field_index(name)
    except NotFound:
        return False
    return True


def grouped(pairs: Iterable[tuple[int, T]]) -> dict[int, list[T]]:
    """Values by their group."""
    groups: dict[int, list[T]] = {}
    for group, value in pairs:
        groups.setdefault(group, []).append(value)
    return groups

"""Records, hashes of pictures and automatic tags in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from mmembed.store.record_protocol import (
    AutomaticRow,
    check_records,
    rows_of_items,
    rows_of_label_set,
)
from mmembed.types import AutomaticTag
from tests.contracts.memory_state import Memory, State


class MemoryRecords(Memory):
    """See Records, ImageHashes and AutomaticTags."""

    # -- records ---------------------------------------------------------------------

    def record(self, kind: str, name: str) -> bytes | None:
        return self._state.records.get((kind, name))

    def records(self, kind: str) -> dict[str, bytes]:
        known = sorted(self._state.records.items())
        return {name: content for (of_kind, name), content in known if of_kind == kind}

    def record_kinds(self) -> list[str]:
        return sorted({kind for kind, _ in self._state.records})

    def put_records(self, kind: str, records: Mapping[str, bytes]) -> None:
        check_records(kind, records)
        with self._change() as state:
            state.records |= {(kind, name): content for name, content in records.items()}

    def delete_records(self, kind: str, names: Sequence[str]) -> int:
        with self._change() as state:
            return sum(state.records.pop((kind, name), None) is not None for name in names)

    # -- hashes ----------------------------------------------------------------------

    def image_hashes(self, contents: Sequence[str]) -> dict[str, bytes]:
        known = self._state.hashes
        return {sha256: known[sha256] for sha256 in contents if sha256 in known}

    def all_image_hashes(self, chunk: int = 10_000) -> Iterator[dict[str, bytes]]:
        known = self._state.hashes
        ordered = sorted(known)
        for start in range(0, len(ordered), chunk):
            yield {sha256: known[sha256] for sha256 in ordered[start : start + chunk]}

    def add_image_hashes(self, hashes: Mapping[str, bytes]) -> None:
        with self._change() as state:
            keep_hashes(state, hashes)

    def contents_without_hashes(self, limit: int, after: str = "") -> list[str]:
        contents = {item.sha256 for item in self._state.images() if item.sha256 > after}
        return sorted(contents - self._state.hashes.keys())[:limit]

    # -- automatic tags --------------------------------------------------------------

    def replace_automatic_tags(self, label_set: str, tags: Iterable[tuple[int, str, float]]) -> int:
        with self._change() as state:
            former = list(state.automatic)
            for item_id, some in list(state.automatic.items()):
                left = {key: score for key, score in some.items() if key[1] != label_set}
                state.automatic[item_id] = left
            _take(state, rows_of_label_set(label_set, tags))
            for item_id in former:
                show_tags(state, item_id)
        return self.automatic_label_sets().get(label_set, 0)

    def add_automatic_tags(self, tags: Mapping[int, Sequence[AutomaticTag]]) -> None:
        with self._change() as state:
            _take(state, rows_of_items(tags))

    def automatic_tags_of(self, item_ids: Sequence[int]) -> dict[int, list[AutomaticTag]]:
        each = {item_id: automatic_of(self._state, item_id) for item_id in item_ids}
        return {item_id: some for item_id, some in each.items() if some}

    def automatic_label_sets(self) -> dict[str, int]:
        names = [name for some in self._state.automatic.values() for _, name in some]
        return {name: names.count(name) for name in sorted(set(names))}


def _take(state: State, tags: Iterable[AutomaticRow]) -> None:
    for item_id, tag, label_set, score in tags:
        if item_id in state.items:
            known = state.automatic.get(item_id, {})
            state.automatic[item_id] = {**known, (tag, label_set): score}
            show_tags(state, item_id)


def keep_hashes(state: State, hashes: Mapping[str, bytes]) -> None:
    """Write the hashes of the contents that an image has."""
    contents = {item.sha256 for item in state.images()}
    state.hashes |= {sha256: one for sha256, one in hashes.items() if sha256 in contents}


def forget_hashes(state: State) -> None:
    """Drop the hashes of contents that no image has."""
    keep = {item.sha256 for item in state.images()}
    state.hashes = {sha256: one for sha256, one in state.hashes.items() if sha256 in keep}


def show_tags(state: State, item_id: int) -> None:
    """Give an item the tags that were said, and the automatic ones."""
    said, automatic = state.words[item_id].tags, automatic_of(state, item_id)
    tags = tuple(sorted({*said, *(one.tag for one in automatic)}))
    unsaid = tuple(one for one in automatic if not said.get(one.tag))
    state.items[item_id] = replace(state.items[item_id], tags=tags, automatic_tags=unsaid)


def automatic_of(state: State, item_id: int) -> list[AutomaticTag]:
    """The automatic tags of an item, by falling score."""
    known = state.automatic.get(item_id, {})
    tags = [AutomaticTag(tag, score, label_set) for (tag, label_set), score in known.items()]
    return sorted(tags, key=lambda one: (-one.score, one.tag, one.label_set))

"""The label sets of a collection, as records of its store."""

from __future__ import annotations

from collections.abc import Callable

from mmembed.classify.label_sets import RECORD, LabelSet, check_name
from mmembed.errors import LimitError, NotFound
from mmembed.store.protocol import Store

MOST_SETS = 1000
LOCK_WAIT_S = 10.0


class LabelSetRecords:
    """Reads and writes label sets. Any thread may call it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[LabelSet]:
        """Every set, by rising name. Raises StoreError for a damaged one."""
        kept = self._store.records(RECORD)
        return [LabelSet.from_bytes(name, record) for name, record in kept.items()]

    def find(self, name: str) -> LabelSet:
        """The set of a name. Raises NotFound, which lists some names, and StoreError."""
        record = self._store.record(RECORD, check_name(name))
        if record is None:
            names = list(self._store.records(RECORD))
            known = ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
            raise NotFound(
                f"label set {name!r}: there is none of this name; known are: {known or 'none yet'}"
            )
        return LabelSet.from_bytes(name, record)

    def put(self, name: str, made: Callable[[LabelSet | None], LabelSet]) -> LabelSet:
        """Store what `made` makes of the set that has the name now, if one has. Writers of other
        processes wait meanwhile, so that no addition is lost. Raises LimitError, StoreBusy."""
        check_name(name)
        with self._store.exclusive("uploading", part="label sets", wait_s=LOCK_WAIT_S):
            record = self._store.record(RECORD, name)
            if record is None and len(self._store.records(RECORD)) >= MOST_SETS:
                raise LimitError(f"{MOST_SETS} label sets, the limit; remove one before")
            new = made(None if record is None else LabelSet.from_bytes(name, record))
            self._store.put_records(RECORD, {name: new.to_bytes()})
        return new

    def remove(self, name: str) -> None:
        """Remove the set of a name, even a damaged one. Raises NotFound."""
        if not self._store.delete_records(RECORD, [check_name(name)]):
            self.find(name)

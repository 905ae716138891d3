"""Keeps the duplicates that were found last, so that each page of them does not begin anew."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from mmembed.cancellation import current_caller
from mmembed.collection.single_flight import SingleFlight
from mmembed.errors import Overloaded
from mmembed.explore.duplicates.entries import Findings
from mmembed.filters.tree import Where

FILTERS = 4
"""Filters whose duplicates are kept."""
UNHASHED_S = 60.0
"""Seconds for which findings hold while hashes are missing: no mark tells that some were added."""
WAIT_S = 10.0


@dataclass(frozen=True)
class _Kept:
    mark: Hashable
    findings: Findings
    until: float


class KeptFindings:
    """The last findings of a few filters. Any thread may call it; one search runs at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Where, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._flights: SingleFlight[Where, Findings] = SingleFlight()

    def get(
        self,
        where: Where,
        mark: Callable[[], Hashable],
        find: Callable[[], Findings],
        *,
        older: bool,
    ) -> Findings:
        """The findings of a filter. mark: differs once the collection has changed. older: take
        findings from before a change, too: the next page goes on in the list of the last one.
        Raises Overloaded while another filter's are being found, unless the caller can wait."""
        with self._lock:
            kept = self._kept.get(where)
        if kept is not None and (older or (kept.until > time.monotonic() and kept.mark == mark())):
            return kept.findings
        return self._flights.run(where, lambda: self._found(where, mark, find))

    def _found(
        self, where: Where, mark: Callable[[], Hashable], find: Callable[[], Findings]
    ) -> Findings:
        if not current_caller().take(self._turn):
            raise Overloaded("duplicates are being looked for already; try again later", WAIT_S)
        try:
            before = mark()
            findings = find()
        finally:
            self._turn.release()
        until = time.monotonic() + UNHASHED_S if findings.unhashed else float("inf")
        with self._lock:
            self._kept.pop(where, None)
            self._kept[where] = _Kept(before, findings, until)
            while len(self._kept) > FILTERS:
                self._kept.popitem(last=False)
        return findings

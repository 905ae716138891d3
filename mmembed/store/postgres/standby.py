"""Whether a committed change has reached the synchronous standby, if the database has one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmembed.errors import StoreAway

WAITING = "syncrep.c"
"""The file of PostgreSQL's source whose notices are about this; their text may be translated."""


@contextmanager
def heeding_standby(connection: Any, name: str) -> Iterator[None]:
    """Commit in the block. name: of the database, in messages.

    A cancelled commit ends PostgreSQL's wait for the standby. The commit then succeeds,
    with a notice. Raises StoreAway for it: the change may still be lost.
    """
    ended: list[str] = []

    def note(notice: Any) -> None:
        if notice.source_file == WAITING:
            ended.append(str(notice.message_primary))

    connection.add_notice_handler(note)
    try:
        yield
    finally:
        connection.remove_notice_handler(note)
    if ended:
        raise StoreAway(
            f"{name}: the change is kept by the server alone, since the wait for its standby was "
            f"ended: {ended[0]}; make sure that the standby runs, then repeat the change"
        )

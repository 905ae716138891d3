"""The database's errors as ours."""

from __future__ import annotations

from typing import Any

import psycopg

from mmembed.errors import MmembedError, StoreAway, StoreBusy, StoreError, StoreFull, Unstorable

BEYOND_ROWS = frozenset({"", "22003", "22021", "22P05"})
"""States of errors of the values themselves: too large, or with characters that no text has."""
LONGEST = 500
"""Characters of a message of the database that are shown."""


def translated(error: psycopg.Error, doing: str) -> MmembedError:
    """Our error for one of the database's. doing: the operation that failed, and the store.

    Messages of libpq hold hosts and users, but no password.
    """
    state = error.sqlstate or ""
    reason = f"{doing}: {_said(error)}"
    of_the_data = state[:2] in ("21", "22", "23") or state == "54000"
    if of_the_data or isinstance(error, psycopg.DataError):
        return Unstorable(reason)
    if state[:2] == "40" or state in ("55P03", "53300"):
        return StoreBusy(f"{reason}; others are at work in it, try again")
    if state in ("53100", "53200"):
        return StoreFull(f"{reason}; free some space on the database's disk")
    if state == "25006":
        return StoreError(
            f"{reason}; it may not be written: connect to its primary, such as "
            "with target_session_attrs=read-write in the address"
        )
    if is_lost(error):
        return StoreAway(
            f"{reason}; make sure that the server runs and can be reached, then try again: mmembed "
            "connects anew by itself"
        )
    return StoreError(reason)


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone or could not be made, whatever was asked."""
    state = error.sqlstate or ""
    return isinstance(error, psycopg.OperationalError) and (
        state == "" or state[:2] in ("08", "28", "3D") or state[:3] == "57P"
    )


def is_beyond_rows(error: BaseException | None) -> bool:
    """Whether a value is one that no row can hold, so that none has it."""
    return isinstance(error, psycopg.DataError) and (error.sqlstate or "") in BEYOND_ROWS


def _said(error: Any) -> str:
    primary = error.diag.message_primary if error.sqlstate else None
    return " ".join(str(primary or error).split())[:LONGEST]

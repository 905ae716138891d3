"""A job as it is seen at one time, and as a record of the store."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeAlias

from mmembed.errors import Abandoned, StoreError
from mmembed.types import Failure

JobState: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
MOST_FAILURES = 20
"""Failures of single items that a job names; it counts all of them."""
FAILURE_CHARS = 300
"""Characters of the message of such a failure."""
SERVER_ENDED = Failure("", Abandoned.code, "its server ended before it was done; begin it again")
"""The error of a job whose server was stopped, or died."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Long work, and how far it is."""

    id: str
    kind: str
    """The work: index, tag, check_tags, duplicates, clusters, outliers, map …"""
    state: JobState
    created: float
    """When it was asked for; seconds since 1970, as all times here."""
    begun: float | None = None
    ended: float | None = None
    phase: str = ""
    """The present part of the work, for people."""
    done: int = 0
    total: int = 0
    """Of the present phase; 0 while that is not known."""
    failed: int = 0
    rate: float | None = None
    """How many are done in a second; None where that is not known."""
    failures: tuple[Failure, ...] = ()
    """The first MOST_FAILURES."""
    cancelling: bool = False
    """Whether it was told to end, and has not ended yet."""
    error: Failure | None = None
    """Why it failed; `name` is the faulty field of the request, or empty."""
    notes: tuple[str, ...] = ()
    beat: float = 0.0
    """When its server last said that it lives."""

    @property
    def is_ended(self) -> bool:
        """Whether nothing more happens."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def eta_s(self) -> float | None:
        """Seconds until the present phase is done, by its rate; None where that is not known."""
        if self.state != "running" or not self.rate or self.total <= self.done:
            return None
        return (self.total - self.done) / self.rate

    def to_bytes(self) -> bytes:
        """The record of a store."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, record: bytes) -> Job:
        """The job of a record; fields of later versions are passed over. Raises StoreError."""
        try:
            kept: Mapping[str, Any] = json.loads(record)
            known = {one.name: kept[one.name] for one in fields(cls) if one.name in kept}
            known["failures"] = tuple(Failure(**one) for one in known.get("failures", ()))
            known["error"] = Failure(**known["error"]) if known.get("error") else None
            known["notes"] = tuple(known.get("notes", ()))
            return cls(**known)
        except (ValueError, TypeError, KeyError) as error:
            raise StoreError(f"a job's record is damaged ({error}); it is of no more use") from None


def new_job_id() -> str:
    """A random id; later ones sort after earlier ones."""
    return f"{int(time.time() * 1e6):014x}{secrets.token_hex(3)}"

"""The jobs of all servers of a store, as its records.

A job's server writes its record every few seconds, which is its sign of life. Only that server
writes the record; others ask it to cancel by a record of another kind.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from mmembed.collection.jobs.job import SERVER_ENDED, Job
from mmembed.errors import NotFound, StoreError
from mmembed.store.protocol import Store
from mmembed.store.record_protocol import JOB_CANCELLATIONS, JOB_RESULTS, JOBS

MOST_KEPT = 100
"""Ended jobs that are kept."""
KEPT_S = 86_400.0
"""Seconds for which an ended job is kept."""
LEASE_S = 30.0
"""Seconds without a sign of life after which a job's server counts as dead. Clocks of several
servers must not differ by more."""
_ID = re.compile(r"[0-9a-f]{20}")

log = logging.getLogger(__name__)


class JobRecords:
    """Reads and writes the jobs of one store. Any thread may call it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._away = 0.0
        """When the store was last seen to be away: no server could write a sign of life then."""

    def all(self) -> list[Job]:
        """The jobs that are not too old, the newest first."""
        return [job for job in self._every() if not _is_over(job)]

    def _every(self) -> list[Job]:
        jobs = []
        with self._noticing():
            records = self._store.records(JOBS)
        for name, record in records.items():
            try:
                jobs.append(self._as_seen(Job.from_bytes(record)))
            except StoreError as error:
                log.warning("job %s: %s", name, error)
        return jobs[::-1]

    def find(self, job_id: str) -> Job:
        """The job of an id. Raises NotFound, StoreError."""
        if not _ID.fullmatch(job_id):
            raise not_found(job_id)
        with self._noticing():
            record = self._store.record(JOBS, job_id)
        job = None if record is None else self._as_seen(Job.from_bytes(record))
        if job is None or _is_over(job):
            raise not_found(job_id)
        return job

    def put(self, jobs: Sequence[Job]) -> None:
        """Write jobs of this server, with a sign of life. Raises StoreError."""
        now = time.time()
        records = {job.id: replace(job, beat=now).to_bytes() for job in jobs}
        if records:
            with self._noticing():
                self._store.put_records(JOBS, records)

    def result(self, job_id: str) -> bytes | None:
        """The kept result, JSON; None if there is none."""
        return self._store.record(JOB_RESULTS, job_id)

    def put_result(self, job_id: str, result: bytes) -> None:
        """Keep a result. Raises StoreError."""
        self._store.put_records(JOB_RESULTS, {job_id: result})

    def ask_to_cancel(self, job_id: str) -> None:
        """Have the job's server cancel it at its next sign of life. Raises StoreError."""
        self._store.put_records(JOB_CANCELLATIONS, {job_id: b""})

    def asked_to_cancel(self) -> set[str]:
        """The jobs that are to be cancelled; some may have ended since."""
        return {*self._store.records(JOB_CANCELLATIONS)}

    def make_room(self) -> None:
        """Forget ended jobs that are too old or too many, with all that belongs to them. Raises
        StoreError."""
        jobs = self._every()
        ended = [job for job in jobs if job.is_ended]
        kept = {job.id for job in ended[:MOST_KEPT] if not _is_over(job)}
        gone = [job.id for job in ended if job.id not in kept]
        over = self.asked_to_cancel() - {job.id for job in jobs if not job.is_ended}
        if over:
            self._store.delete_records(JOB_CANCELLATIONS, sorted(over))
        if gone:
            for kind in (JOB_RESULTS, JOBS):
                self._store.delete_records(kind, gone)

    def _as_seen(self, job: Job) -> Job:
        """A job whose server died has failed. Its record says so nowhere: the server may be
        back."""
        if job.is_ended or time.time() - max(job.beat, self._away) < LEASE_S:
            return job
        return replace(job, state="failed", ended=job.beat, rate=None, error=SERVER_ENDED)

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except StoreError:
            self._away = time.time()
            raise


def not_found(job_id: str) -> NotFound:
    """The error of an unknown id."""
    return NotFound(
        f"job {job_id!r:.80}: there is none; the last {MOST_KEPT} are kept, for a day after their "
        "end"
    )


def _is_over(job: Job) -> bool:
    """Whether it ended so long ago that it is forgotten."""
    return job.is_ended and time.time() - (job.ended or job.beat) > KEPT_S

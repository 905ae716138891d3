"""The jobs of this process, and the thread that writes how far they are into the store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from mmembed.collection.jobs.job import Job
from mmembed.collection.jobs.job_records import JobRecords
from mmembed.collection.jobs.running_job import RunningJob
from mmembed.errors import Overloaded, StoreError

MOST_WAITING = 100
"""Jobs of this process that wait or run."""
LARGEST_RESULT = 5_000_000
"""Bytes of a result that is kept."""
MOST_UNWRITTEN = 4 * LARGEST_RESULT
"""Bytes of results that wait for a store that takes nothing at present."""
BEAT_S = 3.0
"""Seconds between two signs of life; a tenth of a lease, so that a few may fail."""
WAIT_S = 30.0
TOO_LARGE = (
    "the result has {:,} bytes, more than the {:,} that are kept; ask the route of this work, or "
    "for less"
)
NO_ROOM = "the result could not be kept, since the store took nothing; ask the route of this work"

log = logging.getLogger(__name__)


class LiveJobs:
    """The jobs of this process until the store has their ends. A store that cannot be reached, or
    is full, is tried again every few seconds. Any thread may call it."""

    def __init__(self, records: JobRecords) -> None:
        self._records = records
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # a sign of life must not overwrite the end of a job
        self._jobs: dict[str, RunningJob] = {}
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def add(self, job: RunningJob) -> None:
        """Take a new job. Once this returns, every server of the store knows it. Raises Overloaded,
        StoreError."""
        with self._lock:
            self._check_room()
            self._jobs[job.id] = job
        try:
            self._records.make_room()
            self._records.put([job.seen()])
        except BaseException:
            self._forget([job.id])
            raise
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(
                    target=self._beat_on, name="mmembed-jobs", daemon=True
                )
                self._thread.start()

    def all(self) -> list[RunningJob]:
        """All of them."""
        with self._lock:
            return [*self._jobs.values()]

    def find(self, job_id: str) -> RunningJob | None:
        """One of them; None if it is of another process, or its end is in the store."""
        with self._lock:
            return self._jobs.get(job_id)

    def end(self, job: RunningJob, result: bytes | None) -> None:
        """The work of a job has ended: write its result and its end, now or later."""
        job.finish(self._kept(job, result))
        try:
            self._write([job])
            self._records.make_room()
        except StoreError as error:
            log.warning("the end of job %s could not be kept yet: %s", job.id, error)

    def refuse(self) -> None:
        """Take no job any more: the process ends."""
        with self._lock:
            self._closing.set()

    def close(self) -> None:
        """Write the ends that the store lacks, once more."""
        try:
            self._write(self.all())
        except StoreError as error:
            log.warning("the ends of jobs could not be kept: %s", error)
        with self._lock:
            self._jobs.clear()

    def _check_room(self) -> None:
        if self._closing.is_set():
            raise Overloaded("the server is ending; try again once it runs again")
        waiting = sum(not job.seen().is_ended for job in self._jobs.values())
        if waiting >= MOST_WAITING:
            raise Overloaded(
                f"{waiting} jobs wait or run here, limit {MOST_WAITING}; wait for some to end, or "
                "cancel some",
                WAIT_S,
            )

    def _kept(self, job: RunningJob, result: bytes | None) -> bytes | None:
        """The result, unless it is too large; the job then says so."""
        if result is None:
            return None
        if len(result) > LARGEST_RESULT:
            job.note(TOO_LARGE.format(len(result), LARGEST_RESULT))
            return None
        if sum(len(one.result or b"") for one in self.all()) + len(result) > MOST_UNWRITTEN:
            job.note(NO_ROOM)
            return None
        return result

    def _beat_on(self) -> None:
        while not self._closing.wait(BEAT_S):
            try:
                self._beat()
            except StoreError as error:
                log.warning("the progress of jobs could not be written: %s", error)
            except Exception:  # without signs of life, all jobs here would count as dead
                log.exception("the progress of jobs could not be written")
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    return

    def _beat(self) -> None:
        """A sign of life of all jobs here. Heeds the servers that want one to end."""
        jobs = self.all()
        self._write(jobs)
        asked = self._records.asked_to_cancel()
        for job in jobs:
            if job.id in asked:
                job.cancel()

    def _write(self, jobs: Sequence[RunningJob]) -> None:
        """Results come first: no other server sees a job that is done without its result."""
        with self._writing:
            seen: list[Job] = [job.seen() for job in jobs if self.find(job.id) is job]
            ended = [job.id for job in seen if job.is_ended]
            for job in jobs:
                if job.id in ended and job.result is not None:
                    self._records.put_result(job.id, job.result)
            self._records.put(seen)
        self._forget(ended)

    def _forget(self, job_ids: Sequence[str]) -> None:
        with self._lock:
            for job_id in job_ids:
                self._jobs.pop(job_id, None)

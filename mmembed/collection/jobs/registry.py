"""Runs the jobs of this process, and knows those of all processes that have the store open."""

from __future__ import annotations

import logging
import threading
from collections import deque

from mmembed.collection.jobs.job import SERVER_ENDED, Job
from mmembed.collection.jobs.job_records import JobRecords
from mmembed.collection.jobs.running_job import RunningJob, Work
from mmembed.collection.lease_keeper import kept_alive
from mmembed.errors import Overloaded, StoreError
from mmembed.store.protocol import Store

MOST_WAITING = 100
"""Jobs of this process that wait or run."""
LARGEST_RESULT = 5_000_000
"""Bytes of a result that is kept."""
CLOSING_S = 10.0
WAIT_S = 30.0
TOO_LARGE = (
    "the result has {:,} bytes, more than the {:,} that are kept; ask the route of this work, or "
    "for less"
)

log = logging.getLogger(__name__)


class JobRegistry:
    """The jobs of one collection. Of each kind one runs at a time here, in the order in which they
    came; different kinds run side by side. Any thread may call it."""

    def __init__(self, store: Store) -> None:
        self._records = JobRecords(store)
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # a sign of life must not overwrite the end of a job
        self._live: dict[str, RunningJob] = {}
        self._waiting: dict[str, deque[RunningJob]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closed = False

    def begin(self, kind: str, work: Work) -> RunningJob:
        """Begin a job, or let it wait for others of its kind. Once this returns, every server of
        the store knows it. Raises Overloaded, StoreError."""
        job = RunningJob(kind, work)
        with self._lock:
            self._check_room()
            self._live[job.id] = job
        try:
            self._records.make_room()
            self._records.put([job.seen()])
        except BaseException:
            self._forget(job)
            raise
        with self._lock:
            self._waiting.setdefault(kind, deque()).append(job)
            if kind not in self._threads and not self._closed:
                self._threads[kind] = threading.Thread(
                    target=self._run, args=(kind,), name=f"mmembed-{kind}", daemon=True
                )
                self._threads[kind].start()
        return job

    def all(self) -> list[Job]:
        """Every kept job of any server, the newest first. Raises StoreError."""
        kept = {job.id: job for job in self._records.all()}
        with self._lock:
            live = [*self._live.values()]
        kept |= {job.id: job.seen() for job in live}
        return [kept[job_id] for job_id in sorted(kept, reverse=True)]

    def find(self, job_id: str) -> Job:
        """A job of any server. Raises NotFound, StoreError."""
        with self._lock:
            live = self._live.get(job_id)
        return self._records.find(job_id) if live is None else live.seen()

    def result(self, job_id: str) -> bytes | None:
        """The result of a job that is done, JSON; None if none is kept. Raises StoreError."""
        return self._records.result(job_id)

    def cancel(self, job_id: str) -> Job:
        """Have a job end, soon if it is of another server; one that has ended stays as it is.
        Raises NotFound, StoreError."""
        with self._lock:
            live = self._live.get(job_id)
        if live is not None:
            live.cancel()
        elif not self._records.find(job_id).is_ended:
            self._records.ask_to_cancel(job_id)
        return self.find(job_id)

    def close(self) -> None:
        """End the jobs of this process: whatever does not end in time is given up. No job can
        begin any more."""
        with self._lock:
            self._closed = True
            live, threads = [*self._live.values()], [*self._threads.values()]
        for job in live:
            job.end_with_server()
        for thread in threads:
            thread.join(CLOSING_S / len(threads))
        with self._lock:
            left = [*self._live.values()]
            self._live.clear()
        for job in left:
            job.end("failed", SERVER_ENDED)
        try:
            with self._writing:
                self._records.put([job.seen() for job in left])
        except StoreError as error:
            log.warning("the ends of jobs could not be kept: %s", error)

    # -- the thread of a kind ----------------------------------------------------------

    def _check_room(self) -> None:
        if self._closed:
            raise Overloaded("the server is ending; try again once it runs again")
        if len(self._live) >= MOST_WAITING:
            raise Overloaded(
                f"{len(self._live)} jobs wait or run here, limit {MOST_WAITING}; wait for some to "
                "end, or cancel some",
                WAIT_S,
            )

    def _run(self, kind: str) -> None:
        with kept_alive(lambda: self._beat(kind)):
            while (job := self._next(kind)) is not None:
                result = job.run()
                self._keep(job, result)

    def _next(self, kind: str) -> RunningJob | None:
        with self._lock:
            if waiting := self._waiting[kind]:
                return waiting.popleft()
            del self._threads[kind]
            return None

    def _keep(self, job: RunningJob, result: bytes | None) -> None:
        """Write the end of a job. Where the store refuses, this process alone knows it."""
        try:
            with self._writing:
                self._end(job, result)
                self._records.put([job.seen()])
        except StoreError as error:
            job.end("done")
            log.warning("the end of job %s could not be kept: %s", job.id, error)
        else:
            self._forget(job)

    def _end(self, job: RunningJob, result: bytes | None) -> None:
        if result is not None and len(result) > LARGEST_RESULT:
            job.note(TOO_LARGE.format(len(result), LARGEST_RESULT))
        elif result is not None:
            self._records.put_result(job.id, result)
        job.end("done")

    def _forget(self, job: RunningJob) -> None:
        with self._lock:
            self._live.pop(job.id, None)

    def _beat(self, kind: str) -> bool:
        """A sign of life of all jobs of a kind here; False once the registry is closed. Heeds the
        servers that want one to end."""
        with self._writing:
            with self._lock:
                if self._closed:
                    return False
                live = [job for job in self._live.values() if job.kind == kind]
            seen = [job.seen() for job in live]
            self._records.put(seen)
        for job in live:
            if job.seen() in seen and job.seen().is_ended:
                self._forget(job)
        for job_id in self._records.asked_to_cancel() & {job.id for job in live}:
            self.cancel(job_id)
        return True

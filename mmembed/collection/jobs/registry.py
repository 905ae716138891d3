"""Runs the jobs of this process, and knows those of all processes that have the store open."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import replace

from mmembed.collection.jobs.job import SERVER_ENDED, Job
from mmembed.collection.jobs.job_records import JobRecords
from mmembed.collection.jobs.live_jobs import LiveJobs
from mmembed.collection.jobs.running_job import RunningJob, Work
from mmembed.store.protocol import Store

CLOSING_S = 10.0
"""Seconds for all jobs together to end with their server."""

log = logging.getLogger(__name__)


class JobRegistry:
    """The jobs of one collection. Of each kind one runs at a time here, in the order in which they
    came; different kinds run side by side. Any thread may call it."""

    def __init__(self, store: Store) -> None:
        self._records = JobRecords(store)
        self._live = LiveJobs(self._records)
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[RunningJob]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closed = False

    def begin(self, kind: str, work: Work) -> RunningJob:
        """Begin a job, or let it wait for others of its kind. Once this returns, every server of
        the store knows it. Raises Overloaded, StoreError."""
        job = RunningJob(kind, work)
        self._live.add(job)
        with self._lock:
            # Jobs that were cancelled here while they waited need no turn.
            others = [one for one in self._waiting.get(kind, ()) if not one.seen().is_ended]
            self._waiting[kind] = deque([*others, job])
            if kind not in self._threads and not self._closed:
                self._threads[kind] = threading.Thread(
                    target=self._run, args=(kind,), name=f"mmembed-{kind}", daemon=True
                )
                self._threads[kind].start()
        return job

    def all(self) -> list[Job]:
        """Every kept job of any server, the newest first. Raises StoreError."""
        kept = {job.id: job for job in self._records.all()}
        kept |= {job.id: job.seen() for job in self._live.all()}
        return [kept[job_id] for job_id in sorted(kept, reverse=True)]

    def find(self, job_id: str) -> Job:
        """A job of any server. Raises NotFound, StoreError."""
        live = self._live.find(job_id)
        return self._records.find(job_id) if live is None else live.seen()

    def result(self, job_id: str) -> bytes | None:
        """The result of a job that is done, JSON; None if none is kept. Raises StoreError."""
        live = self._live.find(job_id)
        return self._records.result(job_id) if live is None else live.result

    def cancel(self, job_id: str) -> Job:
        """Have a job end, soon if it is of another server; one that has ended stays as it is.
        Raises NotFound, StoreError."""
        live = self._live.find(job_id)
        if live is not None:
            live.cancel()
            return live.seen()
        job = self._records.find(job_id)
        if job.is_ended:
            return job
        self._records.ask_to_cancel(job_id)
        return replace(job, cancelling=True)

    def close(self) -> None:
        """End the jobs of this process: whatever does not end in time is given up. No job can
        begin any more."""
        self._live.refuse()
        with self._lock:
            self._closed = True
            threads = [*self._threads.values()]
        for job in self._live.all():
            job.end_with_server()
        until = time.monotonic() + CLOSING_S
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        for job in self._live.all():
            job.end("failed", SERVER_ENDED)
        self._live.close()

    # -- the thread of a kind ----------------------------------------------------------

    def _run(self, kind: str) -> None:
        while (job := self._next(kind)) is not None:
            try:
                self._live.end(job, job.run())
            except Exception:  # the next jobs are to run all the same
                log.exception("the end of job %s could not be kept yet", job.id)

    def _next(self, kind: str) -> RunningJob | None:
        with self._lock:
            if waiting := self._waiting[kind]:
                return waiting.popleft()
            del self._threads[kind]
            return None

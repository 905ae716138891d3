"""Does long work as jobs, which every server of the store knows."""

from __future__ import annotations

from mmembed.collection.jobs.job import Job
from mmembed.collection.jobs.registry import JobRegistry
from mmembed.collection.jobs.running_job import Work


class LongWork:
    """The part of a Collection that has jobs."""

    _jobs: JobRegistry

    def begin_job(self, kind: str, work: Work) -> Job:
        """Do work in a thread beside requests, after other work of its kind. Raises Overloaded
        where too much waits, StoreError."""
        return self._jobs.begin(kind, work).seen()

    def jobs(self) -> list[Job]:
        """The jobs that wait and run, and the last 100 that have ended, of every process that has
        the store open; the newest first. Raises StoreError."""
        return self._jobs.all()

    def job(self, job_id: str) -> Job:
        """One job. Raises NotFound, StoreError."""
        return self._jobs.find(job_id)

    def job_result(self, job_id: str) -> bytes | None:
        """The result of a job, as JSON; None before it is done, and where none is kept. Raises
        StoreError."""
        return self._jobs.result(job_id)

    def cancel_job(self, job_id: str) -> Job:
        """Have a job end; a job of another process does within seconds. Raises NotFound,
        StoreError."""
        return self._jobs.cancel(job_id)

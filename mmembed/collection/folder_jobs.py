"""Indexes folders as jobs, at the request of a client."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from mmembed.collection.allowed_folders import allowed_folder
from mmembed.collection.jobs.job import Job
from mmembed.collection.jobs.long_work import LongWork
from mmembed.collection.jobs.running_job import RunningJob
from mmembed.config.settings import Settings
from mmembed.errors import Abandoned
from mmembed.ingest import Report

if TYPE_CHECKING:
    from mmembed.collection.indexing import Indexing

PICTURES = "pictures"
"""The phase in which pictures are read and embedded."""
COUNTS = (
    *("total", "embedded", "copies", "unchanged", "touched", "moved", "removed", "missing"),
    *("recaptioned", "hidden", "linked", "other", "system", "excluded", "kept_out"),
)
"""The counts of a report that the result of a job has."""


class FolderJobs(LongWork):
    """The part of a Collection that indexes folders as jobs."""

    settings: Settings
    _indexing: Indexing

    def begin_index(self, folder: str) -> Job:
        """Index a folder as a job. It must be, or lie below, one of those in the setting
        `index_folders`. Files that are done stay done when the job is cancelled: another one goes
        on from there. Raises InputError, NotFound, Overloaded, StoreError."""
        path = allowed_folder(
            folder, self.settings.index_folders, lambda root: self._indexing.passing([root])
        )
        return self.begin_job("index", lambda job: self._indexed(path, job))

    def _indexed(self, path: str, job: RunningJob) -> bytes:
        tell = _Telling(job)
        try:
            report = self._indexing.run(
                [path], (), tell.progress, tell.phase,
                rehash=False, include_removed=False, helpers=None, missing="leave",
            )  # fmt: skip
        except KeyboardInterrupt:
            report = Report(interrupted=True)
        job.fail_some(report.failures, len(report.failures))
        if report.interrupted:
            job.caller.check()
        job.phase("", 0)
        job.progress(report.total, report.total, len(report.failures))
        return json.dumps(report_json(report)).encode()


class _Telling:
    """Tells a job how far an indexing is. An indexing ends in order at an interrupt, in the thread
    that runs it alone: other errors of what is told do not stop it."""

    def __init__(self, job: RunningJob) -> None:
        self._job = job
        self._thread = threading.get_ident()
        self._phase = ""

    def progress(self, done: int, total: int, failed: int) -> None:
        if self._phase != PICTURES:
            self.phase(PICTURES, 0)
        self._tell(lambda: self._job.progress(done, total, failed))

    def phase(self, what: str, count: int) -> None:
        self._phase = what
        self._tell(lambda: self._job.phase(what, count))

    def _tell(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Abandoned:
            if threading.get_ident() == self._thread:
                raise KeyboardInterrupt from None


def report_json(report: Report) -> dict[str, object]:
    """The result of an indexing, in figures."""
    known = asdict(report)
    return {
        **{name: known[name] for name in COUNTS},
        "failed": len(report.failures),
        "kept_because_empty": report.kept_because_empty,
        "seconds": round(report.seconds, 3),
    }

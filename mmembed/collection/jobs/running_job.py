"""A job of this process: its work tells it how far it is, and it tells the work when to end."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from mmembed.cancellation import Caller, working_for
from mmembed.collection.jobs.job import (
    FAILURE_CHARS,
    MOST_FAILURES,
    SERVER_ENDED,
    Job,
    JobState,
    new_job_id,
)
from mmembed.errors import Abandoned, MmembedError
from mmembed.item_failures import told
from mmembed.types import Failure, Progress

UNFORESEEN = "something went wrong; the log has it"
INTERNAL = "InternalError"
"""The code of an error that was not foreseen."""
SAMPLE_S = 0.5
SAMPLES = 40
"""The rate is that of the last so many samples, 20 seconds."""

log = logging.getLogger(__name__)


class RunningJob:
    """A job that waits or runs here, or ran here. Any thread may call it."""

    def __init__(self, kind: str, work: Work) -> None:
        """work: is given this job, and returns its result as JSON."""
        self.caller = Caller(background=True)
        """The work is done for it: it leaves where the job is cancelled."""
        self._work = work
        self._lock = threading.Lock()
        self._pace = _Pace()
        now = time.time()
        self._job = Job(id=new_job_id(), kind=kind, state="queued", created=now, beat=now)
        self._server_ends = False
        self._result: bytes | None = None

    @property
    def id(self) -> str:
        """The job's id."""
        return self._job.id

    @property
    def kind(self) -> str:
        """The job's work."""
        return self._job.kind

    def seen(self) -> Job:
        """The job as it is now."""
        with self._lock:
            rate = self._pace.rate if self._job.state == "running" else None
            return replace(self._job, rate=rate)

    @property
    def result(self) -> bytes | None:
        """The kept result, JSON; None before the job is done."""
        with self._lock:
            return self._result

    # -- what the work calls -----------------------------------------------------------

    def progress(self, done: int, total: int, failed: int) -> None:
        """See types.Progress. Raises Abandoned once the job is cancelled."""
        with self._lock:
            self._pace.note(done)
            self._job = replace(self._job, done=done, total=total, failed=failed)
        self.caller.check()

    def phase(self, what: str, count: int) -> None:
        """See types.Phase. Raises Abandoned once the job is cancelled."""
        with self._lock:
            if what != self._job.phase:
                self._pace = _Pace()
            if count:
                self._pace.note(count)
            self._job = replace(self._job, phase=what, done=count, total=0)
        self.caller.check()

    def stages(self, name: str) -> Progress:
        """See explore.duplicates.entries.Stages."""
        self.phase(name, 0)
        return self.progress

    def fail_some(self, failures: Sequence[Failure], count: int) -> None:
        """Note failures of single items, of which there are `count` in all."""
        first = tuple(
            replace(one, message=one.message[:FAILURE_CHARS]) for one in failures[:MOST_FAILURES]
        )
        with self._lock:
            self._job = replace(self._job, failures=first, failed=count)

    def note(self, text: str) -> None:
        """Add a note for the caller."""
        with self._lock:
            self._job = replace(self._job, notes=(*self._job.notes, text))

    # -- what its registry calls -------------------------------------------------------

    def run(self) -> bytes | None:
        """Do the work, unless it was cancelled before; the result, None if there is none. The
        caller says with `finish` what is kept of it."""
        if not self._begin():
            return None
        try:
            with working_for(self.caller):
                return self._work(self)
        except Abandoned as error:
            self._give_up(error)
        except MmembedError as error:
            log.warning("job %s (%s) failed: %s", self.id, self._job.kind, error)
            self.end("failed", Failure(error.param or "", error.code, told(error)))
        except BaseException:  # libraries in Rust panic with one that is no Exception
            log.exception("job %s (%s) failed", self.id, self._job.kind)
            self.end("failed", Failure("", INTERNAL, UNFORESEEN))
        return None

    def _begin(self) -> bool:
        with self._lock:
            if self._job.is_ended:
                return False
            self._job = replace(self._job, state="running", begun=time.time())
            return True

    def finish(self, result: bytes | None) -> None:
        """The work is done, unless the job has ended already. result: what is kept of it."""
        with self._lock:
            if not self._job.is_ended:
                self._result = result
            self._end("done")

    def end(self, state: JobState, error: Failure | None = None) -> None:
        """The job has ended, unless it had already."""
        with self._lock:
            self._end(state, error)

    def _end(self, state: JobState, error: Failure | None = None) -> None:
        if not self._job.is_ended:
            self._job = replace(
                self._job, state=state, ended=time.time(), error=error, cancelling=False
            )

    def cancel(self) -> None:
        """Have the work end at its next look; a waiting job is cancelled at once."""
        with self._lock:
            if self._job.state == "queued":
                self._end("cancelled")
            elif not self._job.is_ended:
                self._job = replace(self._job, cancelling=True)
        self.caller.leave()

    def end_with_server(self) -> None:
        """Have the work end since the server does."""
        with self._lock:
            self._server_ends = True
            if self._job.state == "queued":
                self._end("failed", SERVER_ENDED)
        self.caller.leave()

    def _give_up(self, error: Abandoned) -> None:
        if self.seen().cancelling:
            self.end("cancelled")
        elif self._server_ends:
            self.end("failed", SERVER_ENDED)
        else:
            self.end("failed", Failure("", error.code, told(error)))


Work: TypeAlias = Callable[[RunningJob], bytes]
"""Does the work of a job, and returns the result as JSON. It calls `progress` and `phase` of the
job, which raise Abandoned once the job is cancelled."""


class _Pace:
    """How fast a phase goes, by its last samples."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES)

    def note(self, done: int) -> None:
        now = time.monotonic()
        if self._samples and done < self._samples[-1][1]:
            self._samples.clear()
        if not self._samples or now - self._samples[-1][0] >= SAMPLE_S:
            self._samples.append((now, done))

    @property
    def rate(self) -> float | None:
        """A second; None before it is known, and while nothing is done."""
        if len(self._samples) < 2:
            return None
        (first_at, first), (last_at, last) = self._samples[0], self._samples[-1]
        return (last - first) / (last_at - first_at) or None

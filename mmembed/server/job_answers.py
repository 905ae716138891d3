"""Writes jobs as JSON, and begins those of routes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from fastapi import Request

from mmembed.collection.jobs.job import Job
from mmembed.collection.jobs.running_job import RunningJob
from mmembed.config.settings import Settings
from mmembed.server.error_answers import item_error, scrubbed
from mmembed.server.json_answers import Json, JsonAnswer
from mmembed.server.request_bodies import collection_of, settings_of
from mmembed.types import Failure


def job_json(job: Job, settings: Settings) -> Json:
    """A job without its result. settings: their folders are not named in its error."""
    address = f"/v1/jobs/{job.id}"
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "phase": job.phase,
        "created": _time(job.created),
        "begun": _time(job.begun),
        "ended": _time(job.ended),
        "done": job.done,
        "total": job.total,
        "failed": job.failed,
        "rate": None if job.rate is None else round(job.rate, 2),
        "eta_s": None if job.eta_s is None else round(job.eta_s, 1),
        "cancelling": job.cancelling,
        "failures": [item_error(one) for one in job.failures],
        "error": None if job.error is None else _error(job.error, settings),
        "notes": list(job.notes),
        "links": {"self": address, "events": f"{address}/events"},
    }


def begun(request: Request, kind: str, work: Callable[[RunningJob], JsonAnswer]) -> JsonAnswer:
    """Begin a job, and say where it is. work: gives the answer that the route gives otherwise."""
    return begun_json(
        request, collection_of(request).begin_job(kind, lambda job: bytes(work(job).body))
    )


def begun_json(request: Request, job: Job) -> JsonAnswer:
    """The answer that a job was begun."""
    content = job_json(job, settings_of(request))
    return JsonAnswer(content, status=202, headers=location(job.id))


def location(job_id: str) -> dict[str, str]:
    """The header that names a job."""
    return {"Location": f"/v1/jobs/{job_id}"}


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")


def _error(error: Failure, settings: Settings) -> Json:
    said = item_error(Failure(error.name, error.code, scrubbed(error.message, settings)))
    return {**said, "param": error.name or None}

"""`/v1/jobs`: long work in the background, its progress and its results."""

from __future__ import annotations

from functools import partial
from typing import Annotated, TypeAlias

from anyio import to_thread
from fastapi import APIRouter, Header, Path, Request, Response

from mmembed.collection.jobs.job import Job
from mmembed.server.event_streams import LAST, EventStreams
from mmembed.server.job_answers import begun_json, job_json
from mmembed.server.job_shapes import EXAMPLE, JobAnswer, JobRequest, JobsAnswer, WholeJobAnswer
from mmembed.server.json_answers import Json, JsonAnswer
from mmembed.server.openapi import described
from mmembed.server.request_bodies import JsonBody, collection_of, limits_of, parse, settings_of

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobId: TypeAlias = Annotated[str, Path(min_length=1, max_length=100, description="of the job")]
_ASKED = {"job_id": EXAMPLE["id"]}
_ENDED: Json = {**EXAMPLE, "state": "done", "ended": "2026-07-20T08:30:12.500+00:00"}
_INDEXING: Json = {**EXAMPLE, "kind": "index", "phase": "pictures"}
_EVENTS = "Server-sent events: `progress`, at most two a second, and `end`; each is the whole job"


@router.get("", response_model=JobsAnswer)
@described(answer={"jobs": [EXAMPLE]})
def list_jobs(request: Request) -> JsonAnswer:
    """The jobs that wait and run, and the last 100 that have ended, of every server."""
    return JsonAnswer({"jobs": [_shown(request, job) for job in collection_of(request).jobs()]})


@router.post("", status_code=202, response_model=JobAnswer)
@described(takes=JobRequest, asked={"kind": "index", "folder": "/pictures"}, answer=_INDEXING)
def begin_job(request: Request, body: JsonBody) -> JsonAnswer:
    """Take in the pictures of a folder on the server's machine, which MMEMBED_INDEX_FOLDERS must
    allow. The same request goes on with work that was cancelled or interrupted."""
    asked = parse(body, JobRequest, limits_of(request))
    return begun_json(request, collection_of(request).begin_index(asked.folder))


@router.get("/{job_id}", response_model=WholeJobAnswer)
@described(asked=_ASKED, answer={**_ENDED, "result": {"groups": [], "total": 0}})
def get_job(request: Request, job_id: JobId) -> Response:
    """One job, with its result once it is done."""
    collection = collection_of(request)
    job = collection.job(job_id)
    result = collection.job_result(job_id) if job.state == "done" else None
    # The result was written by the route of its work: it is put in as it is.
    whole = bytes(JsonAnswer(_shown(request, job)).body)
    return Response(whole[:-1] + b',"result":' + (result or b"null") + b"}", media_type=_JSON)


@router.delete("/{job_id}", response_model=JobAnswer)
@described(asked=_ASKED, answer={**EXAMPLE, "cancelling": True})
def cancel_job(request: Request, job_id: JobId) -> JsonAnswer:
    """Have a job end. A job of another server ends within seconds; one that has ended stays as it
    is."""
    return JsonAnswer(_shown(request, collection_of(request).cancel_job(job_id)))


@router.get(
    "/{job_id}/events",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": _EVENTS},
        204: {"description": "The last event was received before: there will be no more"},
    },
)
@described(asked=_ASKED)
async def job_events(
    request: Request,
    job_id: JobId,
    last_event_id: Annotated[str | None, Header(description="as browsers send it")] = None,
) -> Response:
    """The progress of a job as server-sent events, until it ends."""
    if last_event_id == LAST:
        return Response(status_code=204)
    streams: EventStreams = request.app.state.event_streams
    streams.check()
    read = partial(collection_of(request).job, job_id)
    await to_thread.run_sync(read)  # an unknown job is an error as everywhere
    return streams.of(read, partial(job_json, settings=settings_of(request)))


_JSON = "application/json"


def _shown(request: Request, job: Job) -> Json:
    return job_json(job, settings_of(request))

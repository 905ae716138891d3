"""The shapes of `/v1/jobs`: answers, and their examples."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from mmembed.collection.jobs.job import JobState
from mmembed.server.answer_shapes import ErrorDetails
from mmembed.server.json_answers import Json
from mmembed.server.request_shapes import Shape


class JobRequest(Shape):
    """Work that has no other route."""

    kind: Annotated[Literal["index"], Field(description="take in the pictures of a folder")]
    folder: Annotated[
        str,
        Field(
            min_length=1,
            max_length=4096,
            description="an absolute path on the server's machine, which must allow it",
        ),
    ]


class JobLinks(BaseModel):
    """Addresses of a job."""

    self: str
    events: Annotated[str, Field(description="its progress, as server-sent events")]


class JobAnswer(BaseModel):
    """A job, and how far it is."""

    id: str
    kind: Annotated[
        str, Field(description="index, tag, check_tags, duplicates, clusters, outliers, map")
    ]
    state: JobState
    phase: Annotated[str, Field(description="the present part of the work; may be empty")]
    created: Annotated[str, Field(description="when it was asked for; ISO 8601 in UTC")]
    begun: str | None
    ended: str | None
    done: int
    total: Annotated[int, Field(description="of the present phase; 0 while not known")]
    failed: Annotated[int, Field(description="items that failed")]
    rate: Annotated[float | None, Field(description="done in a second, of late")]
    eta_s: Annotated[float | None, Field(description="seconds until the phase is done")]
    cancelling: Annotated[bool, Field(description="whether it is about to end")]
    failures: Annotated[list[ErrorDetails], Field(description="of items; the first 20")]
    error: Annotated[
        ErrorDetails | None, Field(description="why it failed, as the route of its work says it")
    ]
    notes: list[str]
    links: JobLinks


class WholeJobAnswer(JobAnswer):
    """A job with its result."""

    result: Annotated[
        Any, Field(description="the answer of the route of its work; null before it is there")
    ]


class JobsAnswer(BaseModel):
    """Jobs, the newest first."""

    jobs: list[JobAnswer]


EXAMPLE: Json = {
    "id": "019f0c2d4e5fa1b2c3d4",
    "kind": "duplicates",
    "state": "running",
    "phase": "comparing",
    "created": "2026-07-20T08:30:00.125+00:00",
    "begun": "2026-07-20T08:30:00.131+00:00",
    "ended": None,
    "done": 40_000,
    "total": 100_000,
    "failed": 0,
    "rate": 8000.0,
    "eta_s": 7.5,
    "cancelling": False,
    "failures": [],
    "error": None,
    "notes": [],
    "links": {
        "self": "/v1/jobs/019f0c2d4e5fa1b2c3d4",
        "events": "/v1/jobs/019f0c2d4e5fa1b2c3d4/events",
    },
}
BEGUN: dict[int | str, Json] = {
    202: {
        "model": JobAnswer,
        "content": {"application/json": {"example": EXAMPLE}},
        "description": "The work was begun in the background, as a job",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "of the job"}},
    }
}
"""The further answer of routes whose work may be a job."""

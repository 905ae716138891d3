"""The jobs of a collection, as commands see them: by its running server, else from its store."""

from __future__ import annotations

import json
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from mmembed.cli import service
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings

if TYPE_CHECKING:
    from mmembed.collection.collection import Collection
    from mmembed.collection.jobs.job import Job

Json: TypeAlias = dict[str, Any]


class KnownJobs:
    """Jobs as `/v1/jobs` answers them. A server knows its own jobs to the second. The store has all
    jobs, as they were up to 3 seconds ago, and it is read where no server answers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened = ExitStack()
        self._server = service.find(settings)
        if self._server is not None:
            self._opened.callback(self._server.line.close)

    def __enter__(self) -> KnownJobs:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def all(self) -> list[Json]:
        """All jobs without their results, the newest first. Raises StoreError."""
        answer = self._of_server("")
        if answer is not None:
            return [*answer["jobs"]]
        return [self._shown(job) for job in self._collection.jobs()]

    def find(self, job_id: str) -> Json:
        """A job without its result. Raises NotFound, StoreError."""
        answer = self._of_server(f"/{job_id}")
        if answer is not None:
            return {name: value for name, value in answer.items() if name != "result"}
        return self._shown(self._collection.job(job_id))

    def whole(self, job_id: str) -> Json:
        """A job with its result, which is None before it is done. Raises NotFound, StoreError."""
        answer = self._of_server(f"/{job_id}")
        if answer is not None:
            return answer
        job = self._collection.job(job_id)
        result = self._collection.job_result(job_id) if job.state == "done" else None
        return {**self._shown(job), "result": None if result is None else json.loads(result)}

    def cancel(self, job_id: str) -> Json:
        """Have a job end. Raises NotFound, StoreError."""
        answer = self._of_server(f"/{job_id}", method="DELETE")
        return self._shown(self._collection.cancel_job(job_id)) if answer is None else answer

    def _of_server(self, path: str, *, method: str = "GET") -> Json | None:
        """None if no server answers, or has no such job: the store then says so."""
        if self._server is None:
            return None
        answer = self._server.ask(f"/v1/jobs{path}", method=method)
        if answer is None:
            self._server = None
        return answer

    @cached_property
    def _collection(self) -> Collection:
        from mmembed.collection.collection import Collection  # takes a while

        upgraded(self._settings)
        return self._opened.enter_context(Collection(self._settings))

    def _shown(self, job: Job) -> Json:
        from mmembed.server.job_answers import job_json  # takes a while

        return job_json(job, self._settings)

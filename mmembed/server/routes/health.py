"""`/health` and `/ready`: whether the model answers, and the collection can be read and written.
They are answered under any load."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from mmembed.collection.collection import Collection, Trouble
from mmembed.config.commands import own_version
from mmembed.config.settings import Settings
from mmembed.errors import MmembedError, StoreError
from mmembed.server.answer_shapes import HealthAnswer
from mmembed.server.error_answers import body, scrubbed, without_paths
from mmembed.server.json_answers import Json
from mmembed.server.openapi import described
from mmembed.server.request_bodies import settings_of

log = logging.getLogger(__name__)
router = APIRouter(tags=["operations"])

T = TypeVar("T")
READ_ONLY = frozenset({"read_only"})
"""A read-only folder can still be searched."""
SHARED = frozenset({"blobs_away", "shard_away"})
"""Faults that every server has at once, and in spite of which it can answer some requests: a
balancer that took all servers out would stop those, too."""

PATIENCE_S = 10.0
"""Seconds for an answer; after that, a model that answers other requests still counts as
healthy."""

STORE_PATIENCE_S = 10.0
"""Seconds for a check of the data folder."""

FILES_PATIENCE_S = 2.0
"""Seconds for a check of the object store with the uploads. Its faults refuse nobody: balancers
that give an answer five seconds must get it though that store is silent."""


class Pulse:
    """One check at a time of the model, one of the data folder and one of the object store with
    the uploads, shared by all simultaneous requests. They run on threads of their own, so that they
    do not wait for the threads of requests."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._model = Shared("health", self._beat)
        self._store = Shared("health-store", collection.troubles)
        self._files = Shared("health-files", collection.troubles_of_files)

    def feel(self) -> Future[Json]:
        """Facts and counts of the collection, once its model has answered."""
        return self._model.ask()

    def look(self) -> Future[list[Trouble]]:
        """The faults that keep the data folder from being read and written."""
        return self._store.ask()

    def look_at_files(self) -> Future[list[Trouble]]:
        """The faults that keep uploads from being read and kept, apart from those."""
        return self._files.ask()

    def close(self) -> None:
        """Let go of the threads."""
        self._model.close()
        self._store.close()
        self._files.close()

    def _beat(self) -> Json:
        self.collection.probe()
        try:
            self.collection.check_model()
            return self.collection.describe()
        except StoreError:  # the check of the folder reports it
            return {"model": self.collection.model_name}


class Shared(Generic[T]):
    """A check that runs once for all simultaneous requests."""

    def __init__(self, name: str, do: Callable[[], T]) -> None:
        self._do = do
        self._thread = ThreadPoolExecutor(1, name)
        self._lock = threading.Lock()
        self._running: Future[T] | None = None

    def ask(self) -> Future[T]:
        """The result of the check."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = self._thread.submit(self._do)
            return self._running

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)


_HEALTH: Json = {
    "status": "ok",
    "reasons": [],
    "version": "0.1.0",
    "unix": 1767225600.0,
    "model": "bundled",
    "engine": "openvino",
    "dim": 256,
    "items": 280,
    "images": 140,
    "captions": 140,
    "notice": None,
    "collection": "9f86d081884c7d659a2feaa0c55ad015",
}


@router.get("/v1/health", responses={200: {"model": HealthAnswer}, 503: {"model": HealthAnswer}})
@router.get("/health", responses={200: {"model": HealthAnswer}, 503: {"model": HealthAnswer}})
@described(answer=_HEALTH)
async def health(request: Request) -> JSONResponse:
    """Whether the model answers and the data folder is sound and has room. A real embedding is
    made, unless the model is busy with other requests."""
    return await _found(request, borne=READ_ONLY)


@router.get("/ready", responses={200: {"model": HealthAnswer}, 503: {"model": HealthAnswer}})
@described(answer={**_HEALTH, "degraded": []})
async def ready(request: Request) -> JSONResponse:
    """Whether requests can be answered now, changes of the collection included. For load
    balancers. Faults that all servers share, and in spite of which some requests are answered, are
    `degraded`: the answer is 200."""
    return await _found(request, degrading=SHARED)


async def _found(
    request: Request,
    *,
    borne: AbstractSet[str] = frozenset(),
    degrading: AbstractSet[str] = frozenset(),
) -> JSONResponse:
    """borne: codes of faults in spite of which the answer is 200. degrading: of those that it
    tells nevertheless; with some, uploads that lie apart are looked at, too."""
    pulse: Pulse = request.app.state.pulse
    if pulse.collection.loading:
        return _said({"status": "loading"}, 503)
    (state, model), store, apart = await asyncio.gather(
        _of_model(pulse),
        _of(pulse.look(), "unreadable", "the data folder", STORE_PATIENCE_S),
        _of_files(pulse if degrading else None),
    )
    if state == "loading":
        return _said({"status": state}, 503)
    settings = settings_of(request)
    faults = [*model.pop("reasons", ()), *store, *apart]
    reasons = _shown(faults, settings, lambda code: code not in borne | degrading)
    if settings.api_keys:  # callers without a key ask, too
        model = _without_paths(model)
    degraded = _shown(faults, settings, degrading.__contains__)
    said: Json = {"reasons": reasons, **({"degraded": degraded} if degrading else {}), **model}
    if not reasons:
        return _said({"status": "ok", **said}, 200)
    error = body(reasons[0]["message"], kind=reasons[0]["code"], code=503)
    return _said({"status": "failing", **said, **error}, 503)


def _shown(
    faults: Sequence[Trouble], settings: Settings, wanted: Callable[[str], bool]
) -> list[dict[str, str]]:
    return [
        {"code": one.code, "message": scrubbed(one.message, settings)}
        for one in faults
        if wanted(one.code)
    ]


async def _of_model(pulse: Pulse) -> tuple[str, Json]:
    """The state and facts of the model, with the reasons why it fails."""
    beat = asyncio.wrap_future(pulse.feel())
    try:
        return "ok", dict(await asyncio.wait_for(asyncio.shield(beat), PATIENCE_S))
    except (TimeoutError, asyncio.TimeoutError):
        return _late(pulse.collection)
    except MmembedError as error:
        return "failing", {"reasons": [Trouble("model_failing", str(error))]}
    except Exception:
        log.exception("the model fails")
        message = "the model fails; the server's log has the reason"
        return "failing", {"reasons": [Trouble("model_failing", message)]}


async def _of_files(pulse: Pulse | None) -> list[Trouble]:
    """The faults of uploads that lie apart; none where nobody asks for them."""
    if pulse is None:
        return []
    look = pulse.look_at_files()
    return await _of(look, "blobs_away", "the store of uploads", FILES_PATIENCE_S)


async def _of(
    look: Future[list[Trouble]], code: str, subject: str, patience_s: float
) -> list[Trouble]:
    """The faults that a look at a subject finds, or the code of its silence."""
    try:
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(look)), patience_s)
    except (TimeoutError, asyncio.TimeoutError):
        return [Trouble(code, f"{subject} has not answered for {patience_s:g} s")]
    except Exception:
        log.exception("%s cannot be looked at", subject)
        reason = f"{subject} cannot be looked at; the server's log has the reason"
        return [Trouble(code, reason)]


def _late(collection: Collection) -> tuple[str, Json]:
    if collection.busy():
        return "ok", {"model": collection.model_name}
    if not collection.loaded:
        return "loading", {}
    message = f"the model has not answered for {PATIENCE_S:g} s"
    return "failing", {"reasons": [Trouble("model_late", message)]}


def _without_paths(model: Json) -> Json:
    """A model's id may be the path of its folder."""
    shown: Json = {}
    for name, value in model.items():
        if name == "models":
            shown[name] = [_without_paths(reason) for reason in value]
        else:
            shown[name] = without_paths(value) if isinstance(value, str) else value
    return shown


def _said(answer: Json, status: int) -> JSONResponse:
    return JSONResponse({"version": own_version(), "unix": time.time(), **answer}, status)

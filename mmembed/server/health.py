"""`/health`: whether the model answers, whatever else there is to do."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from mmembed.collection import Collection
from mmembed.commands import own_version
from mmembed.errors import MmembedError
from mmembed.server.answers import HealthAnswer
from mmembed.server.failures import body

log = logging.getLogger(__name__)
router = APIRouter(tags=["operations"])

PATIENCE_S = 10.0
"""How long one answer may take; after that, a model that answers others still counts."""


class Pulse:
    """One embedding at a time, shared by all who ask at that moment; on a thread of its own,
    so that it does not wait for the threads that requests wait for."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._thread = ThreadPoolExecutor(1, "health")
        self._lock = threading.Lock()
        self._running: Future[dict[str, Any]] | None = None

    def feel(self) -> Future[dict[str, Any]]:
        """What the collection is and holds, once its model has answered."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = self._thread.submit(self._beat)
            return self._running

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _beat(self) -> dict[str, Any]:
        self.collection.served.probe()
        return self.collection.describe()


@router.get("/v1/health", responses={200: {"model": HealthAnswer}, 503: {"model": HealthAnswer}})
@router.get("/health", responses={200: {"model": HealthAnswer}, 503: {"model": HealthAnswer}})
async def health(request: Request) -> JSONResponse:
    """Whether the model answers: a real embedding is made, unless it is busy with others."""
    pulse: Pulse = request.app.state.pulse
    if pulse.collection.embedder.loading:
        return _said({"status": "loading"}, 503)
    beat = asyncio.wrap_future(pulse.feel())
    try:
        known = await asyncio.wait_for(asyncio.shield(beat), PATIENCE_S)
    except (TimeoutError, asyncio.TimeoutError):
        return _late(pulse.collection)
    except MmembedError as error:
        return _failing(str(error), type(error).__name__)
    except Exception:
        log.exception("the model fails")
        return _failing("the model fails; the server's log has the reason", "InternalError")
    return _said({"status": "ok", **known}, 200)


def _late(collection: Collection) -> JSONResponse:
    if collection.served.busy():
        return _said({"status": "ok", "model": collection.model_name}, 200)
    if not collection.embedder.loaded:
        return _said({"status": "loading"}, 503)
    return _failing(f"the model has not answered for {PATIENCE_S:g} s", "Overloaded")


def _failing(message: str, kind: str) -> JSONResponse:
    return _said({"status": "failing", **body(message, kind=kind, code=503)}, 503)


def _said(answer: dict[str, Any], status: int) -> JSONResponse:
    return JSONResponse({"version": own_version(), "unix": time.time(), **answer}, status)

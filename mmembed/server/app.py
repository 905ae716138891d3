"""The server: guard, routes, page."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from mmembed.collection.collection import Collection
from mmembed.config.commands import own_version
from mmembed.errors import MmembedError
from mmembed.server import error_answers, metrics, openapi
from mmembed.server.access import keys, server_proof_route
from mmembed.server.access.server_proof import new_secret
from mmembed.server.dialects import cohere, immich, list_models, openai, voyage
from mmembed.server.event_streams import EventStreams
from mmembed.server.limits.lanes import Lanes
from mmembed.server.limits.per_client import Clients
from mmembed.server.middleware.admission import Admission
from mmembed.server.middleware.disconnect import Leaving
from mmembed.server.middleware.head_requests import Head
from mmembed.server.middleware.header_rules import Guard
from mmembed.server.middleware.lingering_close import LingeringClose
from mmembed.server.middleware.request_log import Observed
from mmembed.server.routes import (
    about,
    classify,
    duplicates,
    explore,
    health,
    ignored,
    items,
    jobs,
    labels,
    pictures,
    search,
    similarity,
    tags,
)

log = logging.getLogger(__name__)
ROUTES = (
    *(search, similarity, explore, classify, labels, tags, items, ignored),
    *(pictures, duplicates, jobs),
    *(openai, list_models, cohere, voyage, immich),
    *(health, about, metrics, keys, server_proof_route),
)
SILENT: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""No request is reported to OTEL_EXPORTER_OTLP_ENDPOINT. Versions of FastAPI without such reports
ignore this."""
DESCRIPTION = "Search, classify and embed images and texts."


def web_folder() -> Path:
    """The folder of the web page's files: in the wheel, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "web"
    return inside if inside.is_dir() else package.parent / "web"


def create_app(collection: Collection) -> FastAPI:
    """The ASGI application over an open collection, which it closes when it shuts down."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Every running request has a thread, so that a full lane does not delay another.
        to_thread.current_default_thread_limiter().total_tokens = app.state.lanes.threads
        yield
        app.state.pulse.close()
        # With a thread of its own: all threads of requests may wait for a model that hangs.
        await to_thread.run_sync(_close, collection, limiter=CapacityLimiter(1))

    app = FastAPI(
        title="mmembed",
        description=DESCRIPTION,
        version=own_version(),
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own pages load code from elsewhere
        redoc_url=None,
        telemetry=SILENT,
    )
    app.state.collection = collection
    app.state.settings = settings = collection.settings
    app.state.limits = collection.limits
    app.state.pulse = health.Pulse(collection)
    app.state.secret = new_secret()
    app.state.access = keys.Access(settings.api_keys)
    app.state.lanes = Lanes(settings)
    app.state.event_streams = EventStreams()
    app.state.registry = metrics.registry_of(collection)
    app.state.request_metrics = metrics.RequestMetrics(app.state.registry)
    app.router.routes.extend(_api().routes)
    _add_pages(app)
    openapi.install(app, [module.router for module in ROUTES])
    _surround(app)
    return app


@cache
def _api() -> APIRouter:
    """All routes of the API. At a router's first request FastAPI derives much from it, which all
    apps of a process share in this way."""
    api = APIRouter(responses=openapi.ERRORS)
    for module in ROUTES:
        api.include_router(module.router)
    return api


def _surround(app: FastAPI) -> None:
    """The middleware of every request, from the inside out."""
    settings, collection = app.state.settings, app.state.collection
    error_answers.install(app)
    app.add_middleware(
        Admission,
        lanes=app.state.lanes,
        clients=Clients(settings.max_per_client),
        max_bytes=app.state.limits.upload_bytes,
        wait_s=collection.wait_s,
    )
    app.add_middleware(Leaving)
    if settings.api_keys:
        app.add_middleware(keys.Keys, access=app.state.access)
    app.add_middleware(Guard, hosts=(settings.host, *settings.allowed_hosts))
    app.add_middleware(Head)
    app.add_middleware(Observed, metrics=app.state.request_metrics)
    app.add_middleware(LingeringClose)


def _close(collection: Collection) -> None:
    try:
        collection.publish()
    except MmembedError as error:
        log.warning("the views were not saved, and will be caught up at the next start: %s", error)
    finally:
        collection.close()


def _add_pages(app: FastAPI) -> None:
    folder = web_folder()
    app.mount("/static", StaticFiles(directory=folder), name="static")

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(folder / "index.html")

    @app.get("/docs", include_in_schema=False)
    def docs() -> FileResponse:
        return FileResponse(folder / "docs.html")

"""The server: guard, routes, page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

from mmembed.collection import Collection
from mmembed.errors import MmembedError
from mmembed.server import classify, embeddings, failures, items, search
from mmembed.server.bodies import collection_of
from mmembed.server.guard import Guard


def web_folder() -> Path:
    """Where the web page's files are: in the wheel, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "web"
    return inside if inside.is_dir() else package.parent / "web"


def create_app(collection: Collection) -> FastAPI:
    """The ASGI application over an open collection, which it closes when it shuts down."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(_close, collection)

    app = FastAPI(
        title="mmembed",
        description=__doc__ and "Search, classify and embed images and texts.",
        version=version("mmembed"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.collection = collection
    settings = collection.settings
    app.add_middleware(
        Guard,
        hosts=(settings.host, *settings.allowed_hosts),
        max_bytes=int(settings.max_upload_mb * 1e6),
    )
    failures.install(app)
    for module in (search, classify, items, embeddings):
        app.include_router(module.router)
    _add_pages(app)
    return app


def _close(collection: Collection) -> None:
    try:
        collection.publish()
    finally:
        collection.close()


def _add_pages(app: FastAPI) -> None:
    folder = web_folder()
    app.get("/health", tags=["operations"])(health)
    app.mount("/static", StaticFiles(directory=folder), name="static")

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(folder / "index.html", headers={"Cache-Control": "no-cache"})

    @app.get("/docs", include_in_schema=False)
    def docs() -> FileResponse:
        return FileResponse(folder / "docs.html", headers={"Cache-Control": "no-cache"})


def health(request: Request) -> JSONResponse:
    """Whether the model answers: a real embedding is made for each call."""
    collection = collection_of(request)
    answer: dict[str, Any] = {"status": "ok", "version": version("mmembed")}
    status = 200
    try:
        collection.embedder.encoder.embed_texts(["health"])
        answer |= collection.describe()
    except MmembedError as error:
        status = failures.STATUS[type(error)]
        answer |= {"status": "failing", **failures.body(str(error), kind=type(error).__name__)}
    return JSONResponse(answer, status)

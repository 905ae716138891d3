"""`mmembed serve`"""

from __future__ import annotations

import argparse
import logging
import socket
import sys
from contextlib import suppress
from typing import Any

from mmembed.collection import Collection
from mmembed.config import Settings, describe
from mmembed.errors import InputError

HELP = "serve the web page and the HTTP API"
DESCRIPTION = """\
Serve the web page and the HTTP API of a collection.

  mmembed serve
  mmembed serve --data ./my-collection --port 8080
  MMEMBED_ALLOWED_HOSTS=photos.example mmembed serve --host 0.0.0.0

environment, of this and of every other command:
""" + "\n".join(
    f"  {name:<24} {meaning} (default {default or 'none'})" for name, default, meaning in describe()
)
GRACE_S = 20
BACKLOG = 2048


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--host", help=f"address to listen on (default {Settings.host})")
    parser.add_argument("--port", type=int, help=f"port to listen on (default {Settings.port})")
    parser.set_defaults(settings_of=_settings)


def _settings(asked: argparse.Namespace) -> dict[str, Any]:
    return {"host": asked.host, "port": asked.port}


def run(settings: Settings, asked: argparse.Namespace) -> int:
    """Serve until interrupted; what was asked before is answered first."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    listener = _listen(settings)
    collection = Collection(settings)
    try:
        collection.embedder.encoder  # noqa: B018  loaded before the first request is let in
        _greet(settings, collection, listener.getsockname()[1])
        _serve(collection, listener)
    finally:
        listener.close()
        collection.close()
    return 0


def _serve(collection: Collection, listener: socket.socket) -> None:
    import uvicorn

    from mmembed.server import create_app

    config = uvicorn.Config(
        create_app(collection),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    # Uvicorn raises the signal that ended it once more, after everything is shut down.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        # From here on callers wait for the model to be loaded, and no second server gets by.
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise InputError(
            f"{settings.host}:{settings.port}: cannot listen there ({error}); "
            "choose another --port or --host"
        ) from error
    listener.set_inheritable(True)
    return listener


def _greet(settings: Settings, collection: Collection, port: int) -> None:
    known = collection.describe()
    address = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"mmembed   http://{address}:{port}")
    print(f"model     {known['model']}, {known['dim']} dimensions")
    print(f"data      {settings.data}: {known['images']} images, {known['captions']} captions")
    print(f"add more  mmembed index ~/Pictures --data {settings.data}", flush=True)
    if collection.notice:
        print(f"note      {collection.notice}", file=sys.stderr)
        print(
            "          a larger one for a new folder: --model ViT-B-32-256/datacomp_s34b_b86k",
            file=sys.stderr,
        )
    if settings.host not in ("127.0.0.1", "localhost", "::1"):
        print(
            "note      everyone who can reach this address can see and change the collection",
            file=sys.stderr,
        )

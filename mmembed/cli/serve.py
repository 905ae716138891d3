"""`mmembed serve`"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmembed.cli import service, shutdown
from mmembed.config.commands import PICTURES, command
from mmembed.config.settings import Settings, describe
from mmembed.counted import counted
from mmembed.errors import InputError
from mmembed.memory_budget import keep_little

if TYPE_CHECKING:
    import uvicorn

    from mmembed.collection.collection import Collection

DESCRIPTION = """\
Serve the web page and the HTTP API of a collection.

  mmembed serve
  mmembed serve --data ./my-collection --port 8080
  mmembed serve --model bundled --model ViT-B-32/laion2b_s34b_b79k
  MMEMBED_ALLOWED_HOSTS=photos.example mmembed serve --host 0.0.0.0

environment, of this and of every other command:
""" + "\n".join(
    f"  {name:<24} {meaning} (default {default or 'none'})" for name, default, meaning in describe()
)
GRACE_S = 20
BACKLOG = 2048
POLL_S = 0.01
LOOPBACK = ("127.0.0.1", "localhost", "::1")
OPEN = (
    "everyone who can reach this address can see and change the collection; "
    "MMEMBED_API_KEYS asks for a key"
)
IN_THE_CLEAR = (
    "every key can see and change the collection; over other networks than your own, "
    "keys need TLS: put a reverse proxy in front"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("--host", help=f"address to listen on (default {Settings.host})")
    parser.add_argument("--port", type=int, help=f"port to listen on (default {Settings.port})")
    parser.add_argument(
        "--check", action="store_true", help="only see whether the address is free, and end"
    )
    parser.set_defaults(settings_of=_settings, more_models=None)


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"host": arguments.host, "port": arguments.port, "more_models": arguments.more_models}


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Serve until interrupted; requests in progress are answered first."""
    listener = _listen(settings)
    if arguments.check:
        listener.close()
        return 0
    try:
        from mmembed.collection.collection import Collection  # after the port is known to be free
        from mmembed.server import logs

        logs.configure(settings.log)
        keep_little()
        collection = Collection(settings)
        try:
            _serve(collection, listener)
        finally:
            collection.close()
    finally:
        listener.close()
    return 0


def _serve(collection: Collection, listener: socket.socket) -> None:
    from mmembed.server.app import create_app
    from mmembed.server.listener.listener import server_of

    app = create_app(collection)
    server = server_of(app, timeout_graceful_shutdown=GRACE_S)
    shutdown.watch(server.told_to_end, GRACE_S)
    opening = Opening(collection, listener, server, app.state.secret)
    opening.start()
    try:
        # Uvicorn raises the signal that ended it once more, after everything is shut down.
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    finally:
        opening.undo()
    if opening.error is not None:
        raise opening.error


class Opening(threading.Thread):
    """Loads the models while the server answers already: /health says that it is loading, and
    searches wait. A model that cannot be loaded ends the server."""

    def __init__(
        self,
        collection: Collection,
        listener: socket.socket,
        server: uvicorn.Server,
        secret: str,
    ) -> None:
        super().__init__(name="mmembed-opening", daemon=True)
        self.error: BaseException | None = None
        self._collection = collection
        self._listener = listener
        self._server = server
        self._secret = secret
        self._announced: Path | None = None

    def run(self) -> None:
        """The body of the thread."""
        while not self._server.started:  # importing torch first would hold it up for seconds
            if self._server.should_exit:
                return
            time.sleep(POLL_S)
        try:
            self._collection.load_models(lambda: self._server.should_exit)
            known = self._collection.describe()
            self._announced = service.announce(
                self._collection.settings, self._listener, str(known["collection"]), self._secret
            )
            _greet(self._collection, known, self._listener.getsockname()[1])
            self._collection.collect_leftovers()
        except BaseException as error:  # no other code would report this error
            if not self._server.should_exit:  # else it is the end that interrupted it
                self.error = error
                self._server.should_exit = True

    def undo(self) -> None:
        """Clients shall not find the server any more."""
        if self._announced is not None:
            service.withdraw(self._announced, self._secret)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With a named protocol, asyncio recognises TCP. Then it sends the end of an answer without
    # waiting 40 ms for the caller to confirm its beginning.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        # From here on callers wait for this server, and a second server cannot take the port.
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise InputError(
            f"{settings.host}:{settings.port}: cannot listen there ({error}); "
            "choose another --port or --host (under make: PORT=9000)"
        ) from error
    listener.set_inheritable(True)
    return listener


def _greet(collection: Collection, known: dict[str, object], port: int) -> None:
    settings = collection.settings
    address = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"mmembed   http://{address}:{port}")
    for model in collection.model_states():
        print(f"model     {model['id']}, {model['dim']} dimensions")
    held = ", ".join(counted(int(f"{known[kind + 's']}"), kind) for kind in ("image", "caption"))
    print(f"data      {settings.place}: {held}")
    folder = None if settings.store else settings.data
    print(f"add more  {command('index', PICTURES, folder=folder)}", flush=True)
    if collection.notice:
        print(f"note      {collection.notice}", file=sys.stderr)
        print(
            "          a larger one for a new folder: --model ViT-B-32-256/datacomp_s34b_b86k",
            file=sys.stderr,
        )
    if settings.host not in LOOPBACK:
        print(f"note      {IN_THE_CLEAR if settings.api_keys else OPEN}", file=sys.stderr)

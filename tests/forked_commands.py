"""Commands in processes that start at once: forks of one that has imported all."""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.serving import PATIENCE_S, ROOT, environment

AS_A_PROGRAM = str(ROOT / "tests" / "fake_mmembed.py")
"""What a command that is forked takes for its program."""


class Fork:
    """A running command."""

    def __init__(self, pid: int, out: Path) -> None:
        self.pid = pid
        self._out = out

    @property
    def is_alive(self) -> bool:
        return not self._code_file.exists()

    @property
    def _code_file(self) -> Path:
        return self._out.with_suffix(".code")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        os.kill(self.pid, how)

    def wait(self, seconds: float = 4 * PATIENCE_S) -> int:
        """Its exit code; negative for a signal."""
        until(lambda: not self.is_alive, seconds)
        return int(self._code_file.read_text())

    @property
    def said(self) -> str:
        """Standard output, and standard error unless that has a file of its own."""
        return self._out.read_text("utf-8")

    @property
    def errors(self) -> str:
        """Standard error that has a file of its own."""
        return self._out.with_suffix(".errors").read_text("utf-8")


class Forks:
    """Starts commands over the fake encoder."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._started: list[Fork] = []

    def start(self, *arguments: object, **options: float) -> Fork:
        """Run a command. options: see `_slow_down`."""
        return self._start(arguments, {}, ".out", options)

    def start_apart(self, arguments: Sequence[object], variables: Mapping[str, str]) -> Fork:
        """Run a command in further variables. Its standard error has a file of its own."""
        return self._start(arguments, variables, ".errors", {})

    def _start(
        self,
        arguments: Sequence[object],
        variables: Mapping[str, str],
        errors: str,
        options: Mapping[str, float],
    ) -> Fork:
        out = self._folder / f"command-{len(self._started) + 1}.out"
        order = {
            "arguments": [os.fsdecode(one) if isinstance(one, bytes) else str(one)
                          for one in arguments],
            "environment": environment(**variables),
            "out": str(out), "errors": str(out.with_suffix(errors)), "options": options,
        }  # fmt: skip
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self._started.append(Fork(int(self._process.stdout.readline()), out))
        return self._started[-1]

    def end(self) -> None:
        """Kill the commands that still run."""
        for fork in self._started:
            if fork.is_alive:
                with suppress(ProcessLookupError):
                    fork.kill()
                fork.wait()


def until(is_so: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def forks_in(folder: Path) -> Iterator[Forks]:
    """Starts commands, whose output lies in a folder; they end with the block."""
    forks = Forks(_forking_process(), folder)
    try:
        yield forks
    finally:
        forks.end()


def finished(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in so many variables of the environment."""
    with tempfile.TemporaryDirectory() as folder, forks_in(Path(folder)) as forks:
        fork = forks.start_apart(arguments, variables)
        code = fork.wait(2 * PATIENCE_S)
        return subprocess.CompletedProcess("mmembed", code, fork.said, fork.errors)


@cache
def _forking_process() -> subprocess.Popen[str]:
    """The process that forks; it ends with this one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked_commands"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(),
    )  # fmt: skip

    def end() -> None:
        assert process.stdin
        assert process.stdout
        process.stdin.close()
        process.wait(PATIENCE_S)
        process.stdout.close()

    atexit.register(end)
    return process


# -- the process that forks ----------------------------------------------------------


def _import_all() -> None:
    """What commands import when they run, but for the libraries of models."""
    from mmembed.cli import COMMANDS

    for command in COMMANDS:
        import_module(f"mmembed.cli.{command}")
    import_module("tests.fake_mmembed")
    with suppress(ImportError):  # psycopg may be missing
        import_module("mmembed.store.postgres.postgres_store")


def _run(order: dict[str, Any]) -> int:
    from mmembed.cli import main
    from tests import fake_mmembed

    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = [AS_A_PROGRAM, *order["arguments"]]
    fake_mmembed.prepare()
    if order["options"]:
        _slow_down(order["options"])
    return main(order["arguments"])


def _slow_down(order: dict[str, float]) -> None:
    """seconds: that the encoder takes for a picture. lease: seconds of a claim. commit: pictures
    in one transaction. pieces: files in a piece. planning: seconds for each piece. poison: pictures
    whose first pixel is black end the process. moving: items that move to a shard at a time, whose
    originals stay for a moment."""
    from mmembed.collection import lease_keeper, worker
    from mmembed.collection.collection import Collection
    from mmembed.ingest import pipeline, plan_pieces
    from mmembed.store.postgres.work_pieces import PostgresPieces
    from mmembed.store.shards import move_items
    from tests.fake_encoder import FakeEncoder

    class Encoder(FakeEncoder):
        def preprocess(self, image: Any, box: Any = None) -> Any:
            if order.get("poison") and image.getpixel((0, 0)) == (0, 0, 0):
                os.kill(os.getpid(), signal.SIGKILL)
            return super().preprocess(image, box)

        def embed_preprocessed(self, pixels: Any) -> Any:
            time.sleep(order.get("seconds", 0) * len(pixels))
            return super().embed_preprocessed(pixels)

    def slowly(*arguments: Any) -> int:
        time.sleep(order["planning"])
        return int(added(*arguments))

    worker.LEASE_S = order.get("lease", worker.LEASE_S)  # type: ignore[attr-defined]
    lease_keeper.BEAT_S = worker.LEASE_S / 10  # type: ignore[attr-defined]
    worker.POLL_S = min(worker.POLL_S, lease_keeper.BEAT_S)
    pipeline.COMMIT_IMAGES = int(order.get("commit", pipeline.COMMIT_IMAGES))
    plan_pieces.LARGEST = int(order.get("pieces", plan_pieces.LARGEST))
    plan_pieces.SMALLEST = min(plan_pieces.SMALLEST, plan_pieces.LARGEST)
    if "planning" in order:
        added = PostgresPieces.add
        PostgresPieces.add = slowly  # type: ignore[method-assign,assignment]
    if "moving" in order:
        move_items.AT_ONCE, move_items.GRACE_S = int(order["moving"]), 0.05
    Collection.__init__.__defaults__ = (Encoder, None)


def _begin(order: dict[str, Any]) -> int:
    """Start a command; returns its process id."""
    if child := os.fork():
        return child
    code = 99
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for standard, name in ((1, "out"), (2, "errors")):
            os.dup2(os.open(order[name], os.O_CREAT | os.O_WRONLY | os.O_APPEND), standard)
        code = _run(order)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(code)


def _note_ended(outs: dict[int, Path]) -> None:
    """Leave the exit code of each child that has ended, never half-written."""
    while outs:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        out = outs.pop(pid)
        out.with_suffix(".aside").write_text(f"{os.waitstatus_to_exitcode(status)}")
        out.with_suffix(".aside").rename(out.with_suffix(".code"))


def _main() -> None:
    _import_all()
    gc.freeze()  # a collection in a child would copy all memory
    assert threading.active_count() == 1
    outs: dict[int, Path] = {}
    ended, noted = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(noted, warn_on_full_buffer=False)
    while True:
        ready = select.select([sys.stdin, ended], [], [])[0]
        if ended in ready:
            os.read(ended, 4096)
            _note_ended(outs)
        if sys.stdin not in ready:
            continue
        line = sys.stdin.readline()
        if not line:
            break
        order = json.loads(line)
        outs[child := _begin(order)] = Path(order["out"])
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
    for pid in outs:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    _main()

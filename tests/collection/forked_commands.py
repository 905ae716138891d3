"""Commands in processes that start at once, to be killed: forks of one that has all imported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.serving import PATIENCE_S, ROOT, environment


class Forks:
    """Starts commands over the fake encoder; see `_run` for their options."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._count = 0

    def start(self, *arguments: object, **options: float) -> Fork:
        """Run a command."""
        self._count += 1
        out = self._folder / f"command-{self._count}"
        order = {"arguments": [*map(str, arguments)], "out": str(out), **options}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Fork(int(self._process.stdout.readline()), out)


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

    def wait(self) -> int:
        """Its exit code; negative for a signal."""
        until(lambda: not self.is_alive, 4 * PATIENCE_S)
        return int(self._code_file.read_text())

    @property
    def said(self) -> str:
        return self._out.read_text()


def until(is_so: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def forks_in(folder: Path) -> Iterator[Forks]:
    """Starts the process that forks; it ends with the block, and kills what still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.collection.forked_commands"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(),
    ) as process:  # fmt: skip
        try:
            yield Forks(process, folder)
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait(PATIENCE_S)


def _run(order: dict[str, Any]) -> int:
    """seconds: that the encoder takes for a picture. lease: seconds of a claim. commit: pictures
    in one transaction. pieces: files in a piece. planning: seconds for each piece. poison: pictures
    whose first pixel is black end the process. moving: items that move to a shard at a time, whose
    originals stay for a moment."""
    from mmembed.cli import main
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
    pipeline.COMMIT_IMAGES = order.get("commit", pipeline.COMMIT_IMAGES)
    plan_pieces.LARGEST = order.get("pieces", plan_pieces.LARGEST)
    plan_pieces.SMALLEST = min(plan_pieces.SMALLEST, plan_pieces.LARGEST)
    if "planning" in order:
        added = PostgresPieces.add
        PostgresPieces.add = slowly  # type: ignore[method-assign,assignment]
    if "moving" in order:
        move_items.AT_ONCE, move_items.GRACE_S = order["moving"], 0.05
    Collection.__init__.__defaults__ = (Encoder, None)
    return main(order["arguments"])


def _fork(order: dict[str, Any]) -> int:
    out = Path(order["out"])
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        descriptor = os.open(out, os.O_CREAT | os.O_WRONLY)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        code = _run(order)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _main() -> None:
    import threading

    outs: dict[int, Path] = {}

    def note_ended() -> None:
        while outs:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            code = os.waitstatus_to_exitcode(status)
            out = outs.pop(pid)
            out.with_suffix(".aside").write_text(f"{code}")
            out.with_suffix(".aside").rename(out.with_suffix(".code"))  # never half-written

    import select

    assert threading.active_count() == 1
    while True:
        note_ended()
        if not select.select([sys.stdin], [], [], 0.02)[0]:
            continue
        line = sys.stdin.readline()
        if not line:
            break
        order = json.loads(line)
        outs[child := _fork(order)] = Path(order["out"])
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
    for pid in outs:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    _main()

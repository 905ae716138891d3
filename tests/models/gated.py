"""An encoder that waits until it is let go on, and requests to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from mmembed.errors import ModelError
from mmembed.models.batcher import Batcher
from mmembed.types import Embeddings
from tests.fake_encoder import FakeEncoder


class GatedEncoder(FakeEncoder):
    """Runs only while `gate` is open, refuses the text «bad», and notes its threads."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.running = threading.Event()
        self.threads = {threading.get_ident()}
        self.seen: list[list[str]] = []

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        self.threads.add(threading.get_ident())
        self.running.set()
        assert self.gate.wait(10)
        self.seen.append(list(texts))
        if "bad" in texts:
            raise ModelError("bad text")
        return super().embed_texts(texts)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def hold(encoder: GatedEncoder, batcher: Batcher, pool: ThreadPoolExecutor) -> Future[Embeddings]:
    """Occupy the model with one request, so that what follows has to wait."""
    encoder.gate.clear()
    encoder.running.clear()
    first = pool.submit(batcher.embed_texts, ["first"])
    assert encoder.running.wait(10)
    return first


def submit(
    batcher: Batcher, pool: ThreadPoolExecutor, requests: Sequence[Sequence[str]]
) -> list[Future[Embeddings]]:
    """Put requests into the queue, one after the other."""
    futures = []
    for texts in requests:
        before = batcher.waiting
        futures.append(pool.submit(batcher.embed_texts, texts))
        wait_until(lambda before=before: batcher.waiting > before)  # type: ignore[misc]
    return futures

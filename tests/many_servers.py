"""Several real servers of one database, and callers who go on asking them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from tests.serving import FAKE, Process, eventually

T = TypeVar("T")


@contextmanager
def two_servers(store: str, folder: Path, **more: str) -> Iterator[list[Process]]:
    """Servers with a folder of their own each, and one of uploads for both. more: further variables
    of their environment."""

    def started(name: str) -> Process:
        variables = {
            "MMEMBED_STORE": store,
            "MMEMBED_BLOBS": str(folder / "files"),
            "MMEMBED_DATA": str(folder / name),
            **more,
        }
        return Process(FAKE, "--model", "fake", before=None, **variables)

    with ExitStack() as stack:
        yield [stack.enter_context(started(name)) for name in ("one", "two")]


@contextmanager
def asking(callers: Sequence[Callable[[], T]]) -> Iterator[list[T]]:
    """Call each of these again and again, on a thread of its own, for the length of the block.
    Gives what they return, which grows meanwhile."""
    answers: list[T] = []
    ending = threading.Event()

    def repeat(caller: Callable[[], T]) -> None:
        while not ending.is_set():
            answers.append(caller())

    threads = [threading.Thread(target=repeat, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def await_more(answers: Sequence[object], count: int) -> None:
    """Wait until so many more have come."""
    most = len(answers) + count
    eventually(lambda: len(answers) >= most)

"""Joins simultaneous calls: calls that arrive while another is being answered are answered
together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Together(Generic[Asked, Answer]):
    """A function of many arguments, called by many threads with one each.

    If no thread is at work, the caller answers at once, for itself. Callers that arrive meanwhile
    wait, and the first of them answers for all. No caller waits for more to arrive.
    """

    def __init__(self, answer: Callable[[Sequence[Asked]], Sequence[Answer]], most: int) -> None:
        """most: calls that are answered at once."""
        self._answer = answer
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Asked, Future[Answer], threading.Event]] = deque()
        self._at_work = False

    def __len__(self) -> int:
        """Calls that wait."""
        return len(self._waiting)

    def __call__(self, asked: Asked) -> Answer:
        """The answer to one call. Raises the errors of answering."""
        future: Future[Answer] = Future()
        turn = threading.Event()
        with self._lock:
            self._waiting.append((asked, future, turn))
            first, self._at_work = not self._at_work, True
        if not first:
            turn.wait()  # until there is an answer, or this thread must answer for all
        if not future.done():
            self._answer_some()
        return future.result()

    def _answer_some(self) -> None:
        with self._lock:
            count = min(self._most, len(self._waiting))
            some = [self._waiting.popleft() for _ in range(count)]
        try:
            answers = list(self._answer([asked for asked, _, _ in some]))
            if len(answers) != len(some):
                raise ValueError(f"{len(some)} calls got {len(answers)} answers")
            for (_, future, _), answer in zip(some, answers, strict=True):
                future.set_result(answer)
        except BaseException as error:  # each caller raises it, as if it had called alone
            for _, future, _ in some:
                if not future.done():
                    future.set_exception(error)
        finally:  # after any error, the others must not wait for ever
            with self._lock:
                following = list(self._waiting)[:1]
                self._at_work = bool(following)
            for _, _, turn in (*following, *some):
                turn.set()

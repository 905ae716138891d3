"""Joins simultaneous calls: calls that arrive while all workers are busy are answered together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeAlias, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
Worker: TypeAlias = Callable[[Sequence[Asked]], Sequence[Answer]]


class Together(Generic[Asked, Answer]):
    """A function of many arguments, called by many threads with one each, that a few workers answer
    side by side.

    If a worker is idle, the caller answers at once, for itself. Callers that arrive while none is
    wait, and the first of them answers for several. No caller waits for more to arrive.
    """

    def __init__(self, *workers: Worker[Asked, Answer], most: int) -> None:
        """workers: equal functions, each called by one thread at a time. most: calls that one
        answers at once."""
        self._idle = list(workers)
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[_Call[Asked, Answer]] = deque()

    def __len__(self) -> int:
        """Calls that wait."""
        return len(self._waiting)

    def __call__(self, asked: Asked) -> Answer:
        """The answer to one call. Raises the errors of answering."""
        call: _Call[Asked, Answer] = _Call(asked)
        with self._lock:
            if self._idle:
                call.worker = self._idle.pop()
            else:
                self._waiting.append(call)
        if call.worker is None:
            call.turn.wait()  # until there is an answer, or this thread must answer for some
        if call.worker is not None:
            self._answer(call, call.worker)
        return call.answer.result()

    def _answer(self, call: _Call[Asked, Answer], worker: Worker[Asked, Answer]) -> None:
        with self._lock:
            count = min(self._most - 1, len(self._waiting))
            calls = [call, *(self._waiting.popleft() for _ in range(count))]
        try:
            answers = list(worker([one.asked for one in calls]))
            if len(answers) != len(calls):
                raise ValueError(f"{len(calls)} calls got {len(answers)} answers")
            for one, answer in zip(calls, answers, strict=True):
                one.answer.set_result(answer)
        except BaseException as error:  # each caller raises it, as if it had called alone
            for one in calls:
                if not one.answer.done():
                    one.answer.set_exception(error)
        finally:  # after any error, the others must not wait for ever
            with self._lock:
                following = self._waiting.popleft() if self._waiting else None
                if following is None:
                    self._idle.append(worker)
                else:
                    following.worker = worker
            if following is not None:
                following.turn.set()
            for one in calls[1:]:
                one.turn.set()


class _Call(Generic[Asked, Answer]):
    """One call, and the worker that its thread must run, if any."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.answer: Future[Answer] = Future()
        self.turn = threading.Event()
        self.worker: Worker[Asked, Answer] | None = None

"""Calls that come while others are answered are answered together, each with its own answer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmembed.store.vectors.coalesce import Together


class Doubling:
    """Doubles numbers, and remembers how many it was given at once; may be held up."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.sizes.append(len(numbers))
        self.begun.set()
        assert self.go.wait(10)
        if -1 in numbers:
            raise ValueError("minus one")
        return [2 * number for number in numbers]


def test_who_comes_alone_is_answered_alone() -> None:
    doubling = Doubling()
    doubling.go.set()
    together = Together(doubling, most=4)
    assert [together(number) for number in (1, 2, 3)] == [2, 4, 6]
    assert doubling.sizes == [1, 1, 1]


def test_who_waits_is_answered_with_the_others_that_wait() -> None:
    doubling = Doubling()
    together = Together(doubling, most=4)
    with ThreadPoolExecutor(10) as threads:
        first = threads.submit(together, 0)
        assert doubling.begun.wait(10)
        others = [threads.submit(together, number) for number in range(1, 10)]
        while len(together) < 9:
            pass
        doubling.go.set()
        answers = [future.result(10) for future in (first, *others)]
    assert answers == list(range(0, 20, 2))
    assert doubling.sizes == [1, 4, 4, 1]


def test_an_error_reaches_those_who_were_answered_together_and_no_others() -> None:
    doubling = Doubling()
    together = Together(doubling, most=2)
    with ThreadPoolExecutor(10) as threads:
        first = threads.submit(together, 0)
        assert doubling.begun.wait(10)
        others = []
        for number in (-1, 5, 6, 7):
            others.append(threads.submit(together, number))
            while len(together) < len(others):
                pass
        doubling.go.set()
        assert first.result(10) == 0
        for one in others[:2]:
            with pytest.raises(ValueError, match="minus one"):
                one.result(10)
        assert [one.result(10) for one in others[2:]] == [12, 14]
    assert together(4) == 8


def test_too_few_answers_are_an_error_and_not_the_end() -> None:
    answers = iter([[], [1]])
    together: Together[int, int] = Together(lambda numbers: next(answers), most=4)
    with pytest.raises(ValueError, match="1 calls got 0 answers"):
        together(1)
    assert together(1) == 1


@pytest.mark.slow
def test_many_threads_get_their_own_answers() -> None:
    doubling = Doubling()
    doubling.go.set()
    together = Together(doubling, most=8)
    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(together, range(3000))) == [2 * number for number in range(3000)]
    assert sum(doubling.sizes) == 3000
    assert max(doubling.sizes) <= 8

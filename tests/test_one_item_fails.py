"""One item's failure is nobody else's."""

from __future__ import annotations

import logging
import struct
from collections.abc import Sequence

import pytest

from mmembed.errors import (
    Abandoned,
    ImageError,
    ModelError,
    ModelMismatch,
    Overloaded,
    ProcessingError,
    QueryError,
    StoreBusy,
    StoreError,
)
from mmembed.item_failures import each_apart, error_of, failure_of
from mmembed.types import Failure


class Panic(BaseException):
    """As libraries written in Rust raise it."""


def raised(error: BaseException) -> BaseException:
    """The error with a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("internal detail"),
        ValueError(),
        MemoryError(),
        RecursionError(),
        OverflowError("too large"),
        ZeroDivisionError(),
        struct.error("short"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        KeyError("x"),
        OSError(5, "input/output error"),
        Panic("at src/lib.rs:7"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_unforeseen_names_the_item_and_is_logged_once_with_its_traceback(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    failure = failure_of("images[3]", raised(error))
    kind = type(error).__name__
    said = f"images[3]: could not be processed ({kind}); the log has the details"
    assert failure == Failure("images[3]", "ProcessingError", said)
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info
    assert record.exc_info[1] is error
    assert "in raised" in caplog.text


def test_our_own_errors_stay_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    broken = ImageError("cat.png", "cut short")
    assert error_of("cat.png", broken) is broken
    assert failure_of("cat.png", broken) == Failure("cat.png", "ImageError", "cat.png: cut short")
    blamed = QueryError("input[2].content[1]: is empty", param="input[2].content[1]")
    assert failure_of("input[2]", blamed).name == "input[2].content[1]"
    nameless = failure_of("cat.png", ModelError("the model gave no finite vector"))
    assert nameless.message == "cat.png: the model gave no finite vector"
    assert not caplog.records


@pytest.mark.parametrize(
    "error",
    [
        StoreError("full"),
        StoreBusy("busy"),
        ModelMismatch("other"),
        Overloaded("x"),
        Abandoned(),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_concerns_all_items_is_no_ones_failure(error: BaseException) -> None:
    def work(some: Sequence[int]) -> list[int]:
        raise error

    with pytest.raises(type(error)):
        failure_of("cat.png", error)
    with pytest.raises(type(error)):
        each_apart([1, 2, 3], work)


def test_the_guilty_ones_are_found_in_few_calls() -> None:
    calls: list[int] = []

    def work(some: Sequence[int]) -> list[int]:
        calls.append(len(some))
        if 700 in some or 3 in some:
            raise RuntimeError(some[0])
        return [2 * one for one in some]

    found = each_apart(range(1000), work)
    bad = [index for index, one in enumerate(found) if isinstance(one, BaseException)]
    assert bad == [3, 700]
    assert [one for one in found if not isinstance(one, BaseException)] == [
        2 * one for one in range(1000) if one not in bad
    ]
    assert len(calls) < 50
    assert each_apart([], work) == []


def test_results_that_are_missing_are_failures() -> None:
    found = each_apart([1, 2, 3, 4], lambda some: [one for one in some if one != 3])
    assert [one for one in found if not isinstance(one, BaseException)] == [1, 2, 4]
    assert isinstance(found[2], RuntimeError)


def test_it_is_an_error_of_what_the_caller_gave() -> None:
    error = error_of("labels[0]", RuntimeError())
    assert isinstance(error, ProcessingError)
    assert error.param == "labels[0]"

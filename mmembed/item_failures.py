"""Keeps the error of one item from affecting the others."""

from __future__ import annotations

import logging
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from mmembed.errors import (
    Abandoned,
    ImageError,
    MmembedError,
    ModelHangs,
    ModelMismatch,
    Overloaded,
    ProcessingError,
    StoreError,
    TooMuchText,
    Unstorable,
    class_of,
)
from mmembed.types import Failure

log = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")

OF_ALL = (
    *(StoreError, ModelMismatch, ModelHangs, Overloaded, Abandoned, TooMuchText),
    *(KeyboardInterrupt, SystemExit, GeneratorExit, CancelledError),
)
"""Errors that are never an item's own: other items would meet them just the same. Other exceptions
that are no Exception may be an item's own: libraries in Rust panic so."""


LONGEST_MESSAGE = 1000
"""Characters: an error may quote its whole input."""


def ends_all(error: BaseException) -> bool:
    """Whether an error is not the item's own: the disk refuses, the model stays busy or hangs, or
    the user interrupts."""
    return isinstance(error, OF_ALL) and not isinstance(error, Unstorable | TooMuchText)


def error_of(name: str, error: BaseException) -> MmembedError:
    """The error of one item, as an error of ours that names the item.

    Errors of ours stay as they are. Anything else becomes a ProcessingError, and is logged with
    its traceback: call this once for each. Raises the errors that concern all items.
    """
    if isinstance(error, OF_ALL) and not isinstance(error, Unstorable):
        raise error
    if isinstance(error, MmembedError):
        return error
    log.error("%s: could not be processed", name, exc_info=error)
    kind = type(error).__name__
    message = f"{name}: could not be processed ({kind}); the log has the details"
    return ProcessingError(message, param=name)


def failure_of(name: str, error: BaseException) -> Failure:
    """The error of one item as its failure; see `error_of`."""
    name = text_of(name)
    ours = error_of(name, error)
    message = told(ours)
    if name not in message:
        message = f"{name}: {message}"
    return Failure(ours.param or name, ours.code, message)


def error_from(failure: Failure) -> MmembedError:
    """A failure as the error that it was made of."""
    kind = class_of(failure.code)
    if not issubclass(kind, ImageError):
        return kind(failure.message, param=failure.name)
    error = kind(failure.name, failure.message.removeprefix(f"{failure.name}: "))
    error.param = failure.name
    return error


def told(error: BaseException) -> str:
    """The message of an error, as text that can be printed and stored, and not too long."""
    said = text_of(str(error)) or "an unexpected error"
    return said if len(said) <= LONGEST_MESSAGE else said[:LONGEST_MESSAGE] + "…"


def text_of(text: str) -> str:
    """A path or message as text that can be printed and stored."""
    return text.encode("utf-8", "backslashreplace").decode()


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """A block for the work of one item, which only errors of ours leave; see `error_of`."""
    try:
        yield
    except (MmembedError, *OF_ALL):
        raise
    except BaseException as error:
        raise error_of(name, error) from error


def each_apart(
    inputs: Sequence[In], work: Callable[[Sequence[In]], Iterable[Out]]
) -> list[Out | BaseException]:
    """The result of every input, or its own error.

    `work` gets all inputs together. If that fails, it gets halves, to find the faulty inputs.
    Raises the errors that concern all items.
    """
    if not inputs:
        return []
    try:
        results = list(work(inputs))
        if len(results) != len(inputs):
            raise RuntimeError(f"{len(results)} results of {len(inputs)} inputs")
        return [*results]
    except OF_ALL:
        raise
    except BaseException as error:
        if len(inputs) == 1:
            return [error]
    middle = len(inputs) // 2
    return [*each_apart(inputs[:middle], work), *each_apart(inputs[middle:], work)]

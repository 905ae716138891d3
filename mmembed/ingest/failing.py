"""What is told of a file, row or text that failed."""

from __future__ import annotations

import logging

from mmembed.errors import MmembedError, ModelHangs, Overloaded, StoreError, Unstorable
from mmembed.types import Failure

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 1000
"""Characters: an error may quote the whole of what it is about."""


def ends_all(error: BaseException) -> bool:
    """Whether an error is no fault of the item at work: the disk refuses, the model stays busy or
    hangs, or the user has had enough."""
    if isinstance(error, Exception):
        of_all = StoreError | Overloaded | ModelHangs
        return isinstance(error, of_all) and not isinstance(error, Unstorable)
    # Libraries written in Rust panic with an error that is no Exception.
    return isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)


def failure_of(name: str, error: BaseException) -> Failure:
    """The failure of an item. An error that was not raised on purpose is logged with its
    traceback: it may be a fault of the program."""
    name = text_of(name)
    if not isinstance(error, MmembedError):
        log.error("%s: an unexpected error", name, exc_info=error)
    said = told(error)
    message = said if said.startswith(f"{name}:") else f"{name}: {said}"
    return Failure(name, type(error).__name__, message)


def told(error: BaseException) -> str:
    """The message of an error, as text that can be printed and stored, and not too long."""
    said = text_of(str(error)) or "an unexpected error"
    return said if len(said) <= LONGEST_MESSAGE else said[:LONGEST_MESSAGE] + "…"


def text_of(text: str) -> str:
    """A path or message as text that can be printed and stored, whatever it holds."""
    return text.encode("utf-8", "backslashreplace").decode()

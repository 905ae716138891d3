"""The errors that mmembed raises on purpose.

    MmembedError
    ├── InputError            the caller's input cannot be used
    │   ├── ImageError        a picture cannot be decoded, or is refused
    │   │   ├── ImageTooLarge     over a limit on bytes or pixels
    │   │   └── UnsupportedFormat not one of the formats we open
    │   ├── LimitError        more items, labels, characters … than allowed
    │   │   └── TooMuchText       all texts of a request together are over a limit
    │   ├── EncodedBody       a request's body is compressed
    │   ├── ManifestError     a caption file cannot be read
    │   ├── TokenError        token ids of a tokenizer that is not known here
    │   ├── QueryError        a search or classification makes no sense
    │   └── ProcessingError   one item failed in a way that was not foreseen
    ├── NotFound              no such item, page or file
    ├── ModelError            a model is unknown, unreachable or broken
    │   ├── ModelMismatch     the data folder was built with another model
    │   └── ModelHangs        a model makes no progress on any input
    ├── StoreError            the data folder cannot be read or written
    │   ├── StoreAway         its database, or a part of it, cannot be reached
    │   ├── StoreBusy         another process is writing to it
    │   ├── StoreFull         there is no room left on its disk
    │   └── Unstorable        one entry cannot be stored as it is; others can
    ├── Overloaded            too many requests are waiting
    └── Abandoned             the caller has left

Messages name the object, the limit and the remedy. Foreign exceptions are
translated once, in the module that owns the foreign library.
"""

from __future__ import annotations

import math
from typing import ClassVar

LONGEST_WAIT_S = 60
"""Largest Retry-After for refused callers, in seconds."""


class MmembedError(Exception):
    """Base of all errors that mmembed raises on purpose."""

    code: ClassVar[str] = "MmembedError"
    """Stands for the class in answers and in stored failures, and never changes: clients and
    catalogs have it."""

    def __init__(self, message: str = "", *, param: str | None = None) -> None:
        self.param = param
        """The faulty field of a request, if there is one: `input[3]`."""
        super().__init__(message)


class InputError(MmembedError):
    """The caller's input cannot be used."""

    code = "InputError"


class ImageError(InputError):
    """A picture cannot be decoded, or is refused; the message starts with its name."""

    code = "ImageError"

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name}: {reason}")


class ImageTooLarge(ImageError):
    """A picture is over the limit on bytes or pixels."""

    code = "ImageTooLarge"


class UnsupportedFormat(ImageError):
    """A file is not in one of the formats we open."""

    code = "UnsupportedFormat"


class LimitError(InputError):
    """More items, labels, characters or bytes than one request may hold."""

    code = "LimitError"


class TooMuchText(LimitError):
    """All texts of a request together are over a limit, though each of them may be short."""

    code = "TooMuchText"


class EncodedBody(InputError):
    """A request's body is compressed, which is not read here."""

    code = "EncodedBody"


class ManifestError(InputError):
    """A caption manifest cannot be read; the message names the file and line."""

    code = "ManifestError"


class TokenError(InputError):
    """Token ids of a tokenizer that is not known here, where text was expected."""

    code = "TokenError"


class QueryError(InputError):
    """A search or classification request makes no sense as written."""

    code = "QueryError"


class ProcessingError(InputError):
    """One item failed in a way that was not foreseen. The others are not affected, and the log has
    the traceback."""

    code = "ProcessingError"


class NotFound(MmembedError):
    """No such item, page or file."""

    code = "NotFound"


class ModelError(MmembedError):
    """A model is unknown, cannot be reached, or its files are broken."""

    code = "ModelError"


class ModelMismatch(ModelError):
    """The data folder was built with another model than the requested one."""

    code = "ModelMismatch"


class ModelHangs(ModelError):
    """A model makes no progress on any input."""

    code = "ModelHangs"


class StoreError(MmembedError):
    """The data folder cannot be read or written."""

    code = "StoreError"


class StoreAway(StoreError):
    """The database, one of several, or the object store cannot be reached at the moment."""

    code = "StoreAway"


class StoreBusy(StoreError):
    """Another process is writing to the data folder."""

    code = "StoreBusy"


class Unstorable(StoreError):
    """One entry cannot be stored as it is, such as a number that no row can hold; others can."""

    code = "Unstorable"


class StoreFull(StoreError):
    """There is no room left on the disk of the data folder."""

    code = "StoreFull"


class Overloaded(MmembedError):
    """Too many requests are waiting; try again in `retry_after` seconds."""

    code = "Overloaded"

    def __init__(self, message: str, wait_s: float = 0) -> None:
        """wait_s: an estimate of the time until the waiting work is done."""
        self.retry_after = min(max(1, math.ceil(wait_s)), LONGEST_WAIT_S)
        super().__init__(message)


class Abandoned(MmembedError):
    """The caller has left before the answer was there; no caller sees this error."""

    code = "Abandoned"


def class_of(code: str) -> type[MmembedError]:
    """The class that a code stands for; MmembedError for one that this version does not know."""
    return _BY_CODE.get(code, MmembedError)


def all_classes(base: type[MmembedError] = MmembedError) -> list[type[MmembedError]]:
    """A class of the tree and all below it."""
    return [base, *(one for below in base.__subclasses__() for one in all_classes(below))]


_BY_CODE = {one.code: one for one in all_classes()}

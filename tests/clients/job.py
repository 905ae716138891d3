"""What a client's calls are given and give back; runs in every client's environment, so that it
imports nothing but the standard library."""

from __future__ import annotations

import base64
import json
import mimetypes
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

Rows = list[list[float]]
"""An embedding per input; of packed formats the integers."""


@dataclass(frozen=True)
class Job:
    """What every client embeds, and where. Pictures are paths of files."""

    address: str
    model: str
    texts: list[str]
    pictures: list[str]
    broken: str
    """A picture that is cut short."""
    unknown: str
    """A model that is not served."""
    alias: str
    """Another name of the served model."""
    knows_tokens: str | None = None
    """The address of a server that reads token ids, where the client asks for one; each byte
    is its own token."""

    def data_uris(self) -> list[str]:
        """The pictures, in order."""
        return [data_uri(path) for path in self.pictures]


@dataclass(frozen=True)
class Gives:
    """A call that gives embeddings. kind: what they must be, see `tests/clients/expected.py`."""

    kind: str
    form: str
    """How it is called, for the table."""
    call: Callable[[Job], Rows]

    def answer(self, job: Job) -> dict[str, Any]:
        """As JSON."""
        said: dict[str, Any] = {"kind": self.kind, "form": self.form}
        try:
            return said | {"rows": self.call(job)}
        except Exception:
            return said | {"failed": traceback.format_exc()}


@dataclass(frozen=True)
class Raises:
    """A call that the server refuses, in the client's own words for it."""

    wrong: str
    """What is wrong: the model, the image or the input."""
    says: str
    """What of the server's message the client must pass on; a regular expression."""
    error: type[BaseException]
    call: Callable[[Job], object]

    def answer(self, job: Job) -> dict[str, Any]:
        """As JSON."""
        said = {"kind": "error", "form": self.wrong, "says": self.says}
        try:
            return said | {"failed": f"nothing was raised, but given: {self.call(job)!r:.200}"}
        except self.error as error:
            form = f"{self.wrong} (`{type(error).__name__}`)"
            return said | {"form": form, "message": message_of(error)}
        except Exception:
            return said | {"failed": traceback.format_exc()}


class Calls:
    """All calls of one client. package: whose version is shown; lacks: why the client has no
    calls with images, or none with texts."""

    def __init__(self, package: str | None = None, *, lacks: str = "") -> None:
        self.package = package
        self.lacks = lacks
        self._calls: list[Gives | Raises] = []

    def gives(self, kind: str, form: str) -> Callable[[Callable[[Job], Rows]], Any]:
        """Declares a call; `kind` and `form` as in Gives."""
        return lambda call: self._calls.append(Gives(kind, form, call))

    def raises(
        self, error: type[BaseException], wrong: str, says: str
    ) -> Callable[[Callable[[Job], object]], Any]:
        """Declares a call that must fail; `wrong` and `says` as in Raises."""
        return lambda call: self._calls.append(Raises(wrong, says, error, call))

    def main(self) -> None:
        """Make every call of the job in the file argv[1]; the answers go to the file argv[2]."""
        job = Job(**json.loads(Path(sys.argv[1]).read_text()))
        answer = {
            "version": metadata.version(self.package) if self.package else "",
            "lacks": self.lacks,
            "calls": [call.answer(job) for call in self._calls],
        }
        Path(sys.argv[2]).write_text(json.dumps(answer))


def data_uri(path: str) -> str:
    """An image file as the address that holds it."""
    kind = mimetypes.guess_type(path)[0] or "image/webp"
    return f"data:{kind};base64,{base64.b64encode(Path(path).read_bytes()).decode()}"


def floats(rows: Iterable[Any]) -> Rows:
    """Rows of any number type, for JSON."""
    return [[float(value) for value in row] for row in rows]


def message_of(error: BaseException) -> str:
    """What an error says, and the answer that some carry beside it."""
    answer = getattr(error, "response", None)
    return f"{error}\n{getattr(answer, 'text', '')}"

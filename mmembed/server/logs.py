"""Writes the server's log: lines for people, or JSON for machines."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass
from datetime import datetime, timezone

import orjson

from mmembed.server.middleware.request_log import ACCESS_LOGGER, REQUEST_ID

WINDOW_S = 60.0
BURST = {"": 5, "asyncio": 1, "uvicorn.error": 1, "mmembed.server.listener.listener": 1}
"""Records of one kind that are written within it, by logger. For connections one is enough."""
MOST_KINDS = 1000
KEY_CHARS = 80
_VARYING = re.compile(r"0x[0-9a-f]+|\d+|<[^>]*>?")


def configure(mode: str) -> None:
    """Write the log to standard error. mode: "off" for warnings alone, "text" for these and a
    line for every request, "json" for the same as one JSON object a line."""
    handler = logging.StreamHandler()
    handler.addFilter(name_the_request)
    handler.addFilter(Repeats())
    handler.setFormatter(AsJson() if mode == "json" else AsText())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger(ACCESS_LOGGER).setLevel(logging.WARNING if mode == "off" else logging.INFO)


class Repeats(logging.Filter):
    """Passes a message a few times a minute, and then adds the number of suppressed ones. A fault
    of one request may repeat for a million.

    Messages are equal if logger, template and kind of error are. Lines of the access log are never
    suppressed, because their readers want all."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str, str], _Seen] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written; it may get `repeats`, the number of suppressed records
        before it."""
        if record.name == ACCESS_LOGGER:
            return True
        key = _kind(record)
        with self._lock:
            if len(self._seen) >= MOST_KINDS and key not in self._seen:
                self._seen.clear()
            most = BURST.get(record.name, BURST[""])
            seen = self._seen.setdefault(key, _Seen(record.created, most))
            if record.created - seen.since >= WINDOW_S:
                record.repeats = seen.held_back
                seen = self._seen[key] = _Seen(record.created, most)
            seen.count += 1
            return seen.count <= most


@dataclass
class _Seen:
    """Records of one kind since a moment, in seconds since 1970."""

    since: float
    most: int
    count: int = 0

    @property
    def held_back(self) -> int:
        return max(0, self.count - self.most)


def _kind(record: logging.LogRecord) -> tuple[str, str, str]:
    # asyncio fills its messages in before it logs them, with addresses and numbers.
    template = _VARYING.sub("#", str(record.msg).partition("\n")[0])[:KEY_CHARS]
    error = record.exc_info[0] if record.exc_info else None
    return record.name, template, error.__name__ if error else ""


def name_the_request(record: logging.LogRecord) -> bool:
    """A logging filter that gives a record the id of its request."""
    record.request_id = REQUEST_ID.get()
    return True


def _with_repeats(record: logging.LogRecord, message: str) -> str:
    repeats = getattr(record, "repeats", 0)
    return f"{message} (and {repeats} more like it before)" if repeats else message


class AsText(logging.Formatter):
    """`WARNING mmembed.store: … [id of the request]`; lines of the access log have the time."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line without a traceback."""
        record.message = _with_repeats(record, record.message)
        line = super().formatMessage(record)
        if record.name == ACCESS_LOGGER:
            line = f"{_time(record)} {record.message}"
        known = getattr(record, "request_id", "")
        return f"{line} [{known}]" if known else line


class AsJson(logging.Formatter):
    """`{"time", "level", "logger", "message", "request_id"}`; a line of the access log has the
    fields of the request in place of the message."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry = {"time": _time(record), "level": record.levelname, "logger": record.name}
        entry |= getattr(record, "facts", None) or {
            "message": _with_repeats(record, record.getMessage())
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        if known := getattr(record, "request_id", ""):
            entry["request_id"] = known
        return orjson.dumps(entry, default=str).decode()


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

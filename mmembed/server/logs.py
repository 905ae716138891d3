"""How the server's log is written: lines for people, or JSON for machines."""

from __future__ import annotations

import logging
from datetime import datetime, timezone

import orjson

from mmembed.server.observed import ACCESS_LOGGER, REQUEST_ID


def configure(mode: str) -> None:
    """Write the log to standard error. mode: "off" for warnings alone, "text" for these and a
    line for every request, "json" for the same as one JSON object a line."""
    handler = logging.StreamHandler()
    handler.addFilter(name_the_request)
    handler.setFormatter(AsJson() if mode == "json" else AsText())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger(ACCESS_LOGGER).setLevel(logging.WARNING if mode == "off" else logging.INFO)


def name_the_request(record: logging.LogRecord) -> bool:
    """A logging filter: gives a record the id of the request that it belongs to."""
    record.request_id = REQUEST_ID.get()
    return True


class AsText(logging.Formatter):
    """`WARNING mmembed.views: … [id of the request]`; lines of the access log have the time."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line without a traceback."""
        line = super().formatMessage(record)
        if record.name == ACCESS_LOGGER:
            line = f"{_time(record)} {record.message}"
        known = getattr(record, "request_id", "")
        return f"{line} [{known}]" if known else line


class AsJson(logging.Formatter):
    """`{"time", "level", "logger", "message", "request_id"}`; a line of the access log has the
    facts of the request in place of the message."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry = {"time": _time(record), "level": record.levelname, "logger": record.name}
        entry |= getattr(record, "facts", None) or {"message": record.getMessage()}
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        if known := getattr(record, "request_id", ""):
            entry["request_id"] = known
        return orjson.dumps(entry, default=str).decode()


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

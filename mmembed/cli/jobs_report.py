"""Shows jobs to people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from mmembed.cli.table import plain

if TYPE_CHECKING:
    from mmembed.cli.known_jobs import Json

SHORT_RESULT = 500
"""Characters of a result that is shown whole."""


def row(job: Json) -> tuple[str, ...]:
    """A line of the list."""
    return (
        job["id"],
        job["kind"],
        "cancelling" if job["cancelling"] else job["state"],
        _time(job["begun"] or job["created"]),
        _share(job),
        _left(job),
        _what(job),
    )


def described(job: Json) -> Iterator[str]:
    """All of a job, a fact in a line."""
    facts = {
        "id": job["id"],
        "kind": job["kind"],
        "state": f"{job['state']}, cancelling" if job["cancelling"] else job["state"],
        "phase": job["phase"],
        "progress": _progress(job),
        "created": _time(job["created"]),
        "begun": _time(job["begun"]),
        "ended": _time(job["ended"]),
        "error": (job["error"] or {}).get("message", ""),
        "result": _result(job),
    }
    for name, value in facts.items():
        if value:
            yield f"{name:<9} {plain(value)}"
    for note in job["notes"]:
        yield f"note      {plain(note)}"
    for failure in job["failures"]:
        yield f"failure   {plain(failure['message'])}"
    if len(job["failures"]) < job["failed"]:
        yield f"          and {job['failed'] - len(job['failures']):,} more failures"


def _progress(job: Json) -> str:
    rate = "" if job["rate"] is None else f"{job['rate']:,.1f} a second"
    left = f"{_left(job)} left" if _left(job) else ""
    failed = f"{job['failed']:,} failed" if job["failed"] else ""
    return ", ".join(part for part in (_share(job), rate, left, failed) if part)


def _share(job: Json) -> str:
    if not job["total"]:
        return f"{job['done']:,}" if job["done"] else ""
    return f"{job['done']:,} of {job['total']:,}"


def _left(job: Json) -> str:
    if job["eta_s"] is None:
        return ""
    seconds = round(job["eta_s"])
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def _what(job: Json) -> str:
    failed = f"{job['failed']:,} failed" if job["failed"] else ""
    said = (job["error"] or {}).get("message") or ("" if job["ended"] else job["phase"])
    return "; ".join(part for part in (said, failed) if part)


def _result(job: Json) -> str:
    result = job.get("result")
    if result is None:
        return ""
    text = json.dumps(result, ensure_ascii=False)
    if len(text) <= SHORT_RESULT:
        return text
    return f"{len(text):,} characters of JSON, which --json prints"


def _time(text: str | None) -> str:
    """In the zone of this machine."""
    if text is None:
        return ""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")

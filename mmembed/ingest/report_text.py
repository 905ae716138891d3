"""Reports of workers as text, and their sum."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, fields

from mmembed.ingest.report import Report
from mmembed.ingest.stage_profile import StageTime
from mmembed.types import Failure

_COUNTS = tuple(field.name for field in fields(Report) if field.type == "int")


def report_text(report: Report) -> str:
    """A report as JSON; counts of zero are left out."""
    return json.dumps({name: value for name, value in asdict(report).items() if value})


def sum_of(texts: Iterable[str]) -> Report:
    """The sum of reports. Of each stage it has the seconds of all, and the share of their time."""
    total = Report()
    stages: dict[str, tuple[float, float]] = {}
    for said in map(json.loads, texts):
        for name in _COUNTS:
            setattr(total, name, getattr(total, name) + said.get(name, 0))
        total.kept_because_empty |= said.get("kept_because_empty", False)
        total.empty += said.get("empty", [])
        total.failures += [Failure(**failure) for failure in said.get("failures", [])]
        total.seconds += said.get("seconds", 0.0)
        for stage in said.get("stages", []):
            seconds, busy = stages.get(stage["stage"], (0.0, 0.0))
            busy += stage["busy"] * said.get("seconds", 0.0)
            stages[stage["stage"]] = (seconds + stage["seconds"], busy)
    worked = max(total.seconds, 1e-9)
    total.stages = [
        StageTime(name, seconds, busy / worked) for name, (seconds, busy) in stages.items()
    ]
    return total

"""The summary of an indexing."""

from __future__ import annotations

import pytest

from mmembed.cli.index_report import summary
from mmembed.ingest.report import Report


@pytest.mark.parametrize(
    ("opening", "first", "pace"),
    [
        (0.2, "280 pictures in 168.0 s", "280 embedded, 1.7 a second"),
        (
            140.0,
            "280 pictures in 168.0 s, of which the model took 140.0 s to open",
            "280 embedded, 10.0 a second",
        ),
    ],
)
def test_a_model_that_was_long_in_opening_slows_no_pace(
    opening: float, first: str, pace: str
) -> None:
    report = Report(total=280, embedded=280, seconds=168.0, opening_seconds=opening)
    assert [line.strip() for line in summary(report)] == [first, pace]

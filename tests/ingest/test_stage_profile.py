"""Every run says what its stages took."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mmembed.collection.collection import Collection
from mmembed.ingest import StageTime
from mmembed.ingest.stage_profile import STAGES, Profile, limit
from tests.ingest.outcomes import MakePicture

OpenCollection = Callable[..., Collection]


def test_a_profile_adds_up_what_each_stage_took() -> None:
    profile = Profile(threads=2)
    with profile.stage("decode"):
        time.sleep(0.02)
    with profile.stage("embed"):
        time.sleep(0.03)
    times = {one.stage: one for one in profile.times(elapsed=0.1)}
    assert times["decode"].seconds >= 0.02
    assert times["decode"].busy == pytest.approx(times["decode"].seconds / 0.1 / 2)
    assert times["embed"].busy == pytest.approx(times["embed"].seconds / 0.1)
    assert times["commit"].seconds == 0
    assert limit(list(times.values())) == "embed"


def test_the_limit_is_whatever_is_busy_most() -> None:
    busy = {"read": 0.3, "decode": 0.4, "preprocess": 0.2, "embed": 0.8, "commit": 0.1}
    assert limit([StageTime(name, 1.0, share) for name, share in busy.items()]) == (
        "reading and decoding"
    )


def test_the_stages_of_an_indexing_are_timed(
    open_collection: OpenCollection, picture: MakePicture
) -> None:
    report = open_collection(thumbnails=True).index([picture()], progress=lambda *_: None)
    assert [one.stage for one in report.stages if one.seconds > 0] == list(STAGES)

"""Maps as records, and damaged ones"""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmembed.explore.map.map_json import map_json, numbers_of
from mmembed.explore.map.map_records import FACTS, PLACING, POINTS, facts_of, map_of, records_of
from mmembed.explore.map.varints import unpacked
from tests.explore.map import maps
from tests.explore.vectors import grouped

ROWS = grouped([30, 20, 10])


def test_a_map_comes_back() -> None:
    known = maps.map_of(ROWS, 2, 3, by_neighbours=True)
    again = map_of(records_of(known))
    assert again is not None
    assert again.facts == known.facts == facts_of(records_of(known)[FACTS])
    assert again.levels == known.levels
    assert (again.ids == known.ids).all()
    placed = [one.placed(np.array([1]), ROWS[:1]) for one in (known, again)]
    assert (placed[0].points == placed[1].points).all()
    assert (placed[0].labels == placed[1].labels).all()


def test_damaged_and_mixed_records_are_no_map() -> None:
    records = records_of(maps.map_of(ROWS))
    other = json.loads(records[FACTS])
    other["facts"]["version"] = "other"
    later = {**other, "format": 99}
    for name, content in (
        (POINTS, records[POINTS][:-50]),
        (POINTS, records[POINTS].replace(records[POINTS][600:640], b"x" * 40)),
        (PLACING, b""),
        (FACTS, b"{}"),
        (FACTS, b"no JSON"),
        (FACTS, json.dumps(other).encode()),
        (FACTS, json.dumps(later).encode()),
    ):
        assert map_of({**records, name: content}) is None
    assert map_of({FACTS: records[FACTS]}) is None
    assert facts_of(json.dumps(later).encode()) is None


def test_json_has_all_that_draws_it() -> None:
    known = maps.map_of(ROWS, 2, 3)
    answer = json.loads(json.dumps(map_json(known)))
    assert unpacked(numbers_of(answer["ids"], "u1").tobytes()).tolist() == known.ids.tolist()
    points = np.stack([numbers_of(answer[axis], "<u2") for axis in "xy"], axis=1)
    assert (points == known.points).all()
    assert (numbers_of(answer["cluster"], "u1") == known.labels).all()
    density = answer["density"]
    assert numbers_of(density["counts"], "<u4").sum() == len(known)
    assert [len(level) for level in answer["levels"]] == [2, 3]
    assert all(one["parent"] in (0, 1) for one in answer["levels"][1])


@pytest.mark.slow
def test_100_000_pictures_take_less_than_a_megabyte() -> None:
    known = maps.map_of(ROWS, 2, 3)
    count = 100_000
    random = np.random.default_rng(0)
    large = type(known)(
        known.facts, np.cumsum(random.integers(1, 200, count)),
        random.integers(0, 65_536, (count, 2)).astype(np.uint16),
        random.integers(0, 3, count).astype(np.uint8),
        known.levels, known.centres, known.placing,
    )  # fmt: skip
    assert len(json.dumps(map_json(large))) < 990_000

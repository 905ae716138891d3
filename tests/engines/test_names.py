"""Engines by their names, and what a trial says of them; nothing here loads one."""

from __future__ import annotations

import pytest

from mmembed.engines.names import AUTO, COMPILED, ENGINES, MIN_COSINE, REFERENCE, Measured
from mmembed.engines.names import check_name as check
from mmembed.errors import InputError


@pytest.mark.parametrize("name", [AUTO, *ENGINES])
def test_a_name_that_exists_is_itself(name: str) -> None:
    assert check(name) == name


@pytest.mark.parametrize("name", ["", "torch", "AUTO", "openvino-int4"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match="unknown; choose") as refused:
        check(name)
    assert all(known in str(refused.value) for known in (AUTO, *ENGINES))


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_is_judged_by_the_limit_of_its_numbers(name: str) -> None:
    limit = MIN_COSINE[name.rpartition("-")[2]]
    assert Measured(name, 1, 1, limit).exact_enough
    assert not Measured(name, 1, 1, limit - 1e-6).exact_enough
    assert not Measured(name, 1, 1, float("nan")).exact_enough


def test_an_engine_that_starts_late_must_be_faster_by_more() -> None:
    assert Measured(COMPILED, 110, 1, 1).worth < Measured(REFERENCE, 100, 1, 1).worth
    assert Measured(COMPILED, 130, 1, 1).worth > Measured(REFERENCE, 100, 1, 1).worth


def test_a_better_round_counts_and_a_worse_does_not() -> None:
    measured = Measured(REFERENCE, 100, 5, 1)
    assert measured.at_best(120) == Measured(REFERENCE, 120, 5, 1)
    assert measured.at_best(80) == measured

"""Where contents go."""

from __future__ import annotations

from collections import Counter

from mmembed.store.shards.rendezvous import home_of

CONTENTS = [f"{number:064x}" for number in range(3_000)]


def test_shards_get_equal_parts() -> None:
    counts = Counter(home_of(content, 3) for content in CONTENTS)
    assert sorted(counts) == [0, 1, 2]
    assert min(counts.values()) > 900


def test_a_further_shard_takes_its_part_and_nothing_else_moves() -> None:
    moved = [
        (home_of(content, 3), home_of(content, 4))
        for content in CONTENTS
        if home_of(content, 3) != home_of(content, 4)
    ]
    assert {after for _, after in moved} == {3}
    assert 650 < len(moved) < 850
    assert {before for before, _ in moved} == {0, 1, 2}


def test_any_text_has_a_home() -> None:
    assert home_of("\udce4", 2) in (0, 1)
    assert home_of("", 1) == 0

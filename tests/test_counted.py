"""Numbers of things in messages."""

from __future__ import annotations

from mmembed.counted import counted


def test_one_is_singular() -> None:
    assert counted(1, "picture") == "1 picture"
    assert counted(0, "picture") == "0 pictures"
    assert counted(1200, "class", "classes") == "1,200 classes"
    assert counted(1, "class", "classes") == "1 class"

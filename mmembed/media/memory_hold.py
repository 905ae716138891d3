"""A picture takes its memory from a budget before it is decoded, and keeps the part that it
needs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from mmembed.errors import ImageTooLarge
from mmembed.media.decode_cost import DecodePlan, plane
from mmembed.memory_budget import Hold, MemoryBudget
from mmembed.types import Picture


@contextmanager
def reserved(plan: DecodePlan, name: str, memory: MemoryBudget | None) -> Iterator[Hold | None]:
    """Wait for the memory that decoding takes; None without a budget. If the block fails, the
    memory is given back at once. Otherwise the error would keep it, and the next try would wait for
    it. Raises ImageTooLarge for more than there is, Overloaded, Abandoned."""
    held = None if memory is None else _taken(plan, name, memory)
    try:
        yield held
    except BaseException:
        if held is not None:
            held.end()
        raise


def _taken(plan: DecodePlan, name: str, memory: MemoryBudget) -> Hold:
    if plan.bytes > memory.limit:
        width, height = plan.size
        raise ImageTooLarge(
            name,
            f"{width} x {height} pixels as {plan.kind} take {millions(plan.bytes)} MB to decode, "
            f"limit {memory.limit / 1e6:g}; raise {memory.setting}, or send it smaller",
        )
    return memory.reserve(plan.bytes)


def holding(picture: Picture, held: Hold | None) -> Picture:
    """The picture, which keeps as much of the budget as it takes, for as long as it is there."""
    if held is None:
        return picture
    held.shrink(plane(*picture.image.size, picture.image.mode))
    return replace(picture, held=held)


def millions(number: int) -> str:
    """Rounded up, so that a size over a limit never reads as equal to it."""
    return f"{math.ceil(number / 1e5) / 10:,.1f}".removesuffix(".0")

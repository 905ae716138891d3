"""Repeated figures, their medians and ratios, and the table that shows them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Repeated:
    """One figure, measured several times; rounds that gave none are None.

    Rounds of different ways belong together: the n-th of each was measured in the n-th turn.
    """

    rounds: tuple[float | None, ...]

    @property
    def known(self) -> list[float]:
        """The figures that there are."""
        return [figure for figure in self.rounds if figure is not None]

    @property
    def median(self) -> float | None:
        """None where nothing was measured."""
        return statistics.median(self.known) if self.known else None

    def over(self, other: Repeated) -> Repeated:
        """This figure divided by another's of the same round, so that what slows the machine
        for a while slows both. Raises ValueError if their rounds differ in number."""
        return Repeated(
            tuple(
                mine / theirs if mine is not None and theirs else None
                for mine, theirs in zip(self.rounds, other.rounds, strict=True)
            )
        )

    def shown(self, digits: int = 1) -> str:
        """`84.1 (80.2–86.0)`: the median, and lowest and highest if there are several."""
        if self.median is None:
            return "–"
        middle = f"{self.median:,.{digits}f}"
        if len(self.known) == 1:
            return middle
        return f"{middle} ({min(self.known):,.{digits}f}–{max(self.known):,.{digits}f})"


def steady_rate(count: int, seconds_once: float, seconds_twice: float) -> float | None:
    """Pictures a second without start-up: what `count` more of them took. None where the longer
    run was not longer, and nothing can be said."""
    more = seconds_twice - seconds_once
    return count / more if more > 0 else None


def startup_seconds(seconds_once: float, seconds_twice: float) -> float:
    """What a run takes without any picture, never below 0."""
    return max(0.0, 2 * seconds_once - seconds_twice)


def fastest(figures: Sequence[Repeated]) -> Repeated | None:
    """The one with the highest median; None if none has any."""
    known = [figure for figure in figures if figure.known]
    return max(known, key=lambda figure: figure.median or 0.0, default=None)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns padded so that it reads well in a terminal, too."""
    escaped = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(heads, *escaped, strict=True)]
    lines = [heads, ["-" * width for width in widths], *escaped]
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    )

"""Which two pictures belong together, for each class but that of equal bytes.

Constants were chosen on photographs other than those that docs/duplicates.md judges them by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.duplicates.centres import (
    Answers,
    MiddleBits,
    MiddleVector,
    Numbers,
    Places,
    ReachOf,
)
from mmembed.explore.duplicates.pairs import Pairs
from mmembed.explore.duplicates.picture_table import PictureTable
from mmembed.search.copies import (
    FLAT_COLOUR,
    FLAT_COSINE,
    HOUR,
    MOST_APART,
    NO_TIME,
    WEIGHT,
    at_other_times,
    shots_apart,
    wholes_apart,
)

CANDIDATE = 0.7
"""Likeness from which two pictures may be copies of one shot by their hashes."""
BURST_S = 30
"""Seconds between the first and the last picture of a burst."""
BURST_LIKENESS = 0.85
LOOK_ALIKE = 0.97
FEW_CANDIDATE, FEW_BURST, FEW_LOOK_ALIKE = 0.9, 0.95, 0.985
"""The same as plain cosines, for collections of few pictures."""
NEXT = 24
"""Pictures after each, by time, that it may be in a burst with."""
_SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True)
class SameShot:
    """One exposure, in several files."""

    table: PictureTable

    @property
    def candidate(self) -> float:
        """The likeness from which pictures are compared."""
        return CANDIDATE if self.table.is_centred else FEW_CANDIDATE

    def belong(self, some: Places, others: Places) -> Answers:
        """(n, m): whether pictures at these places do."""
        alike = self.table.alike.among(some, others)
        return np.isfinite(self._apart(alike, some[:, None], others[None, :]))

    def of_hashes(self, pairs: Pairs) -> Pairs:
        """The pairs that belong together, closer ones with larger values. pairs: of any pictures
        whose hashes may be near."""
        at_most = wholes_apart(self.table.hashes, pairs.some, pairs.others, np.ones(len(pairs)))
        pairs = pairs.where(np.isfinite(at_most))  # of most pairs, the hashes alone say no
        alike = self.table.alike.of_pairs(pairs.some, pairs.others).astype(np.float32)
        return self.of_likenesses(Pairs(pairs.some, pairs.others, alike))

    def of_likenesses(self, pairs: Pairs) -> Pairs:
        """The same. pairs: with their likenesses as values."""
        alike = pairs.values.astype(np.float64)
        apart = self._apart(alike, pairs.some, pairs.others)
        pairs = Pairs(pairs.some, pairs.others, (-apart).astype(np.float32))
        return pairs.where(np.isfinite(apart))

    def _apart(
        self, alike: NDArray[np.float64], some: Places, others: Places
    ) -> NDArray[np.float64]:
        cosines = self.table.alike.cosines(alike, some, others)
        apart = shots_apart(self.table.hashes, some, others, cosines)
        ours, theirs = self.table.taken[some], self.table.taken[others]
        if np.isnat(ours).all() or np.isnat(theirs).all():
            return apart
        return np.where(at_other_times(ours, theirs), np.inf, apart)

    def reach_around(self, places: Places) -> ReachOf:
        """For the grouping, see `centres.Rule`. Mirrored pictures mostly have none."""
        middle = MiddleVector.of(self.table.alike, places, of_cosines=True)
        is_at_one_time = self._at_time_of(places)
        if self.table.hashes.telling[places].mean() > 0.5:
            far, fits = self._by_hashes(places, middle), self.table.hashes.telling
        else:
            far, fits = self._by_colours(places, middle), ~self.table.hashes.telling

        def reaches(some: Places) -> Numbers:
            safe = self.table.hashes.known[some] & fits[some] & is_at_one_time(some)
            return np.where(safe, far(some), np.inf)

        return reaches

    def _by_hashes(self, places: Places, middle: MiddleVector) -> ReachOf:
        p, d = (MiddleBits.of(one, places) for one in (self.table.hashes.p, self.table.hashes.d))
        return lambda some: (
            (p.apart(some).astype(np.float64) + d.apart(some) + WEIGHT * middle.parts(some))
            / MOST_APART
        )

    def _by_colours(self, places: Places, middle: MiddleVector) -> ReachOf:
        colours = self.table.hashes.colour
        colour = np.median(colours[places], axis=0)
        return lambda some: np.maximum(
            np.abs(colours[some] - colour).max(axis=1) / FLAT_COLOUR,
            middle.parts(some) / (1 - FLAT_COSINE),
        )

    def _at_time_of(self, places: Places) -> Callable[[Places], Answers]:
        """Which pictures have no time, or that of one of these but for whole hours: no two of such
        were taken at other times."""
        taken = self.table.taken
        known = taken[places][~np.isnat(taken[places])]
        if not len(known):
            return lambda some: np.isnat(taken[some])
        return lambda some: np.isnat(taken[some]) | ((taken[some] - known[0]) % HOUR == NO_TIME)


@dataclass(frozen=True)
class Burst:
    """Taken by one camera within seconds, and alike."""

    table: PictureTable

    def belong(self, some: Places, others: Places) -> Answers:
        """(n, m): whether pictures at these places do."""
        near = self._near_in_time(some[:, None], others[None, :])
        return near & (self.table.alike.among(some, others) >= self._least)

    def reach_around(self, places: Places) -> ReachOf:
        """For the grouping, see `centres.Rule`."""
        middle = MiddleVector.of(self.table.alike, places, of_cosines=False)
        taken, camera = self.table.taken, self.table.camera
        moments, some_camera = np.sort(taken[places]), camera[places].max()
        moment = moments[0] + (moments[-1] - moments[0]) // 2

        def reaches(some: Places) -> Numbers:
            seconds = np.abs(taken[some] - moment) / _SECOND
            alike = middle.parts(some) / (1 - self._least)
            fits = ~np.isnan(seconds) & ((camera[some] == 0) | (camera[some] == some_camera))
            return np.where(fits, np.fmax(seconds / BURST_S, alike), np.inf)

        return reaches

    def pairs(self, kept: Places) -> Pairs:
        """The pairs among these that belong together, more alike ones with larger values."""
        taken = self.table.taken[kept]
        known = kept[~np.isnat(taken)]
        order = known[np.argsort(self.table.taken[known], kind="stable")]
        found = [Pairs.none()]
        for step in range(1, min(NEXT, len(order) - 1) + 1):
            some, others = order[:-step], order[step:]
            near = self._near_in_time(some, others)
            some, others = some[near], others[near]
            alike = self.table.alike.of_pairs(some, others).astype(np.float32)
            pairs = Pairs(np.minimum(some, others), np.maximum(some, others), alike)
            found.append(pairs.where(alike >= self._least))
        return Pairs.joined(found)

    @property
    def _least(self) -> float:
        return BURST_LIKENESS if self.table.is_centred else FEW_BURST

    def _near_in_time(self, some: Places, others: Places) -> Answers:
        between = np.abs(self.table.taken[some] - self.table.taken[others])
        ours, theirs = self.table.camera[some], self.table.camera[others]
        same_camera = (ours == theirs) | (ours == 0) | (theirs == 0)
        return np.asarray(same_camera & (between <= BURST_S * _SECOND))  # false for NaT


@dataclass(frozen=True)
class LookAlike:
    """Alike for the model."""

    table: PictureTable

    def belong(self, some: Places, others: Places) -> Answers:
        """(n, m): whether pictures at these places do."""
        return self.table.alike.among(some, others) >= self._least

    def reach_around(self, places: Places) -> ReachOf:
        """For the grouping, see `centres.Rule`."""
        middle = MiddleVector.of(self.table.alike, places, of_cosines=False)
        return lambda some: middle.parts(some) / (1 - self._least)

    def valued(self, pairs: Pairs) -> Pairs:
        """The pairs that belong together, more alike ones with larger values. pairs: with their
        likenesses as values, or NaN where these are not known."""
        alike = pairs.values.copy()
        unknown = np.flatnonzero(np.isnan(alike))
        some, others = pairs.some[unknown], pairs.others[unknown]
        alike[unknown] = self.table.alike.of_pairs(some, others)
        return Pairs(pairs.some, pairs.others, alike).where(alike >= self._least)

    @property
    def _least(self) -> float:
        return LOOK_ALIKE if self.table.is_centred else FEW_LOOK_ALIKE

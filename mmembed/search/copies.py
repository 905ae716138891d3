"""Tells copies of one shot, re-encoded, resized, cropped or mirrored, from other pictures.

    apart = differing bits of p and of d + 100 · (1 − cosine)

The bits are few for a copy. The cosine alone is not enough: pictures of a burst, or two pictures of
one kind, have cosines as high as a cropped copy. For a crop, the bits are those between a part of
one picture and the whole of the other. Constants were chosen on photographs other than those that
docs/duplicates.md judges them by.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.media.perceptual_hash import PictureHashes

MOST_APART = 30.0
WEIGHT = 100.0
"""Bits that a cosine less by one counts for."""
CROPS_APART = 24.0
"""The same for a crop, which is compared with 58 parts: the closest is closer by chance."""
CROP_COSINE = 0.85
"""A cosine below which no parts are compared."""
FLAT_COSINE = 0.999
FLAT_COLOUR = 6
"""A picture without contrast is a copy by its cosine and by the mean levels of its colours."""
NEVER = np.datetime64("NaT", "ms")
HOUR = np.timedelta64(1, "h")
NO_TIME = np.timedelta64(0, "ms")

Places = NDArray[np.int64]
Moments = NDArray[np.datetime64]


def shots_apart(
    hashes: PictureHashes, some: Places, others: Places, cosines: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far apart the pictures at these places are, where one may be cropped; infinite where they
    are no copies for certain, or without hashes. Crops are further apart than other copies. The
    places and cosines are broadcast against each other."""
    apart = wholes_apart(hashes, some, others, cosines)
    may_be_crops = np.isinf(apart) & (cosines >= CROP_COSINE)
    if may_be_crops.any():
        pairs = np.nonzero(may_be_crops)
        left, right = (np.broadcast_to(one, apart.shape)[pairs] for one in (some, others))
        of_pairs = np.broadcast_to(cosines, apart.shape)[pairs]
        apart[pairs] = _crops_apart(hashes, left, right, of_pairs)
    return apart


def wholes_apart(
    hashes: PictureHashes, some: Places, others: Places, cosines: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The same for copies that are not cropped much."""
    bits, _ = hashes.distances(some, others)
    apart = bits + WEIGHT * (1 - cosines)
    telling = hashes.telling[some] & hashes.telling[others]
    ours, theirs = (hashes.colour[one].astype(np.int16) for one in (some, others))
    near = np.abs(ours - theirs).max(axis=-1) <= FLAT_COLOUR
    known = hashes.known[some] & hashes.known[others]
    flat = np.where(near & known & (cosines >= FLAT_COSINE), WEIGHT * (1 - cosines), np.inf)
    return np.where(telling, np.where(apart <= MOST_APART, apart, np.inf), flat)


def _crops_apart(
    hashes: PictureHashes, some: Places, others: Places, cosines: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,), of n pairs."""
    bits, _ = hashes.part_distances(some, others)
    apart = bits + WEIGHT * (1 - cosines)
    telling = hashes.telling[some] & hashes.telling[others]
    return np.where(telling & (apart <= CROPS_APART), MOST_APART + apart, np.inf)


def bits_apart(
    hashes: PictureHashes, some: Places, others: Places, cosines: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Evidence of n pairs, each (n,): how many of 128 bits differ, whether with one of them
    mirrored, and whether of a part."""
    bits, mirrored = hashes.distances(some, others)
    cropped = np.isinf(wholes_apart(hashes, some, others, cosines)) & np.isfinite(
        shots_apart(hashes, some, others, cosines)
    )
    of_parts, as_mirrored = hashes.part_distances(some[cropped], others[cropped])
    bits[cropped], mirrored[cropped] = of_parts, as_mirrored
    return bits, mirrored, cropped


def moment_of(taken: str | None) -> np.datetime64:
    """The local time at which a picture was taken, by its header; NEVER where it is not known."""
    if taken is None:
        return NEVER
    try:
        return np.datetime64(taken, "ms")
    except ValueError:  # imported from another program
        return NEVER


def at_other_times(ours: Moments, theirs: Moments) -> NDArray[np.bool_]:
    """Whether both files say when they were taken, and differ: not by whole hours alone, as time
    zones do, nor by parts of a second that one of them lacks."""
    seconds, their_seconds = ours.astype("M8[s]"), theirs.astype("M8[s]")
    parts, their_parts = ours - seconds, theirs - their_seconds
    by_parts = (parts != their_parts) & (parts != NO_TIME) & (their_parts != NO_TIME)
    differ = by_parts | ((seconds - their_seconds) % HOUR != NO_TIME)
    return np.asarray(differ & ~np.isnat(ours) & ~np.isnat(theirs))

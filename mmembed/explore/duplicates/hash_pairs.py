"""Pairs of pictures with nearly equal hashes, which need not be alike for the model: a mirrored
picture, or one with text over it.

Each hash is cut into parts of 16 bits. Pictures with an equal part are neighbours in a list sorted
by that part, and each is compared with the next few. So the work grows with the number of pictures,
also where ten thousand have the same hashes. Hashes that differ in up to three bits of p, or of d,
have an equal part for certain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmembed.explore.duplicates.pairs import KeptPairs, Pairs, chains
from mmembed.media.perceptual_hash import Hashes, PictureHashes, differing_bits
from mmembed.search.copies import MOST_APART

PARTS = 4
PART_BITS = 16
NEXT = 24
"""Pictures after each in such a list that it is compared with."""


def near_hash_pairs(hashes: PictureHashes, equal: NDArray[np.int64]) -> KeptPairs:
    """Pairs that differ in few bits, as they are or with one mirrored, and pairs without contrast,
    of nearly one colour. Values are less for more bits.

    equal: (n,), for each the place of the first that is equal to it. The first alone is compared
    with others; all equal ones are a chain of pairs.
    """
    known = np.flatnonzero(hashes.known)
    is_first = equal == np.arange(len(equal))
    places = np.flatnonzero(hashes.telling & is_first)
    p = np.concatenate([hashes.p[places], hashes.mirrored_p[places]])
    d = np.concatenate([hashes.d[places], hashes.mirrored_d[places]])
    owners = np.concatenate([places, places])
    kept = KeptPairs(len(hashes))
    kept.add(chains(known, equal[known]))
    kept.add(_flat_pairs(hashes, np.flatnonzero(hashes.known & ~hashes.telling & is_first)))
    for hash_, other in ((p, d), (d, p)):
        for part in range(PARTS):
            keys = hash_ >> np.uint64(PART_BITS * part) & np.uint64(2**PART_BITS - 1)
            _compare_neighbours(keys, hash_, other, owners, kept)
    return kept


def _compare_neighbours(
    keys: Hashes, hash_: Hashes, other: Hashes, owners: NDArray[np.int64], kept: KeptPairs
) -> None:
    order = np.lexsort((other, hash_, keys))
    keys, hash_, other, owners = keys[order], hash_[order], other[order], owners[order]
    for step in range(1, min(NEXT, len(keys) - 1) + 1):
        near = np.flatnonzero((keys[:-step] == keys[step:]) & (owners[:-step] != owners[step:]))
        apart = differing_bits(hash_[near], hash_[near + step]).astype(np.float32)
        apart += differing_bits(other[near], other[near + step])
        close = apart <= MOST_APART
        left, right = owners[near[close]], owners[near[close] + step]
        kept.add(Pairs(np.minimum(left, right), np.maximum(left, right), -apart[close]))


def _flat_pairs(hashes: PictureHashes, places: NDArray[np.int64]) -> Pairs:
    """Pictures without contrast, each with the next few in a list sorted by colour. Their vectors
    need not be alike beside the mean of a collection that holds many of them."""
    places = places[np.lexsort(hashes.colour[places].T)]
    found = []
    for step in range(1, min(NEXT, len(places) - 1) + 1):
        some, others = places[:-step], places[step:]
        values = np.full(len(some), -step, np.float32)
        found.append(Pairs(np.minimum(some, others), np.maximum(some, others), values))
    return Pairs.joined(found)

"""Duplicates as JSON: the same fields for the command line and for HTTP."""

from __future__ import annotations

from collections.abc import Callable

from mmembed.explore.duplicates.entries import CopyEvidence, DescribedDuplicates
from mmembed.types import Item


def duplicates_json(
    group: DescribedDuplicates, item_json: Callable[[Item], dict[str, object]]
) -> dict[str, object]:
    """A group: its class, the picture to keep and why, and the others, each with its evidence.
    item_json: writes an item."""
    return {
        "class": group.kind,
        "keep": item_json(group.kept),
        "reason": group.reason,
        "others": [
            {**item_json(spare.item), "evidence": evidence_of_copy(spare.evidence)}
            for spare in group.others
        ],
        "total_others": group.total_others,
        "spare_bytes": group.spare_bytes,
    }


def evidence_of_copy(evidence: CopyEvidence | None) -> dict[str, object] | None:
    """How a picture compares with the kept one; None for the same bytes."""
    if evidence is None:
        return None
    return {
        "cosine": evidence.cosine,
        "likeness": evidence.likeness,
        "bits": evidence.bits,
        "mirrored": evidence.mirrored,
        "cropped": evidence.cropped,
        "seconds": evidence.seconds,
    }

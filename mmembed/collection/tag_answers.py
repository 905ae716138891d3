"""The results of tagging and of a check of tags, as JSON for the command line and for HTTP."""

from __future__ import annotations

from mmembed.collection.tagging import RejectedTags, Tagged, TaggedLabel
from mmembed.explore.tagging.check_tags import CheckedTags


def tagged_json(tagged: Tagged) -> dict[str, object]:
    """The result of tagging."""
    return {
        "label_set": tagged.label_set,
        "looked_at": tagged.looked_at,
        "pictures": tagged.pictures,
        "tags": tagged.tags,
        "before": tagged.before,
        "written": tagged.written,
        "compete": tagged.competing,
        "labels": [_label_json(one) for one in tagged.labels],
        "notes": list(tagged.notes),
        "seconds": round(tagged.seconds, 3),
    }


def _label_json(one: TaggedLabel) -> dict[str, object]:
    known = one.threshold
    return {
        "label": one.label,
        "pictures": one.pictures,
        "threshold": known.least,
        "basis": known.basis,
        "precision": known.precision,
        "examples": known.examples,
        "first": [{"id": item.id, "path": item.path} for item in one.first],
    }


def checked_json(checked: CheckedTags, most: int) -> dict[str, object]:
    """The result of a check, with the most doubtful tags."""
    return {
        "pictures": checked.pictures,
        "tags": list(checked.tags),
        "compete": checked.competing,
        "total": len(checked.doubts),
        "doubts": [
            {
                "item": one.item.id,
                "path": one.item.path,
                "wrong": one.wrong,
                "better": one.better,
                "doubt": round(one.doubt, 4),
            }
            for one in checked.doubts[:most]
        ],
    }


def rejected_json(rejected: RejectedTags) -> dict[str, object]:
    """Automatic tags that a person took off."""
    return {
        "total": rejected.total,
        "rejected": [
            {"item": item.id, "path": item.path, "tag": tag} for item, tag in rejected.first
        ],
    }

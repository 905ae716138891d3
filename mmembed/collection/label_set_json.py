"""Stored sets of labels, as JSON for the command line and for HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from mmembed.classify.label_sets import Example, LabelSet, SetLabel


def set_in_short(kept: LabelSet) -> dict[str, object]:
    """The name of a set, and how much it holds."""
    return {
        "name": kept.name,
        "labels": len(kept.labels),
        "examples": kept.examples,
        "mode": kept.mode,
    }


def set_in_full(kept: LabelSet, lost: Sequence[Example]) -> dict[str, object]:
    """A set with its labels and examples. lost: examples that are items and are gone."""
    gone = frozenset(lost)
    return {
        "name": kept.name,
        "labels": [_label_json(one, gone) for one in kept.labels],
        "templates": kept.templates,
        "mode": kept.mode,
    }


def _label_json(label: SetLabel, gone: frozenset[Example]) -> dict[str, object]:
    return {
        "label": label.label,
        "words": label.words,
        "threshold": label.threshold,
        "examples": [
            {
                "name": one.name,
                "kind": one.kind,
                "item": one.item,
                "text": one.text,
                "gone": one in gone,
            }
            for one in label.examples
        ],
    }

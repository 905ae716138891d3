"""The results of tagging and of a check of tags, as lines for a terminal."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from mmembed.cli.table import plain, table
from mmembed.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmembed.collection.tagging import RejectedTags, Tagged, TaggedLabel
    from mmembed.explore.tagging.check_tags import CheckedTags, DoubtfulTag
    from mmembed.types import Item

REMEDY = (
    "A lower --precision gives more tags, and more wrong ones. --compete is surer where at most "
    "one label fits a picture. Ten pictures that have a label as their tag teach its threshold."
)


def tagged_lines(tagged: Tagged) -> Iterator[str]:
    """A summary, and a line for each label by falling number of pictures."""
    verb = "given" if tagged.written else "would be given"
    yield (
        f"{plain(tagged.label_set)}: {counted(tagged.tags, 'tag')} on {tagged.pictures:,} of "
        f"{counted(tagged.looked_at, 'picture')} {verb} in {tagged.seconds:.1f} s"
        + (f", in place of {tagged.before:,}" if tagged.before else "")
    )
    labels = sorted(tagged.labels, key=lambda one: -one.pictures)
    rows = [(f"{one.pictures:,}", one.label, *_threshold(one), _names(one)) for one in labels]
    yield from table(("pictures", "label", "from", "right", "such as"), rows)
    if not tagged.tags and any(one.threshold.least is None for one in labels):
        yield f"No label is sure enough. {REMEDY}"


def _threshold(one: TaggedLabel) -> tuple[str, str]:
    known = one.threshold
    if known.least is None:
        return "-", "none is sure enough"
    if known.precision is None:
        return f"{known.least:.2f}", "as given"
    source = counted(known.examples, "example") if known.basis == "examples" else "assumed"
    return f"{known.least:.2f}", f"{known.precision:.0%}, {source}"


def _names(one: TaggedLabel) -> str:
    return ", ".join(map(_name, one.first))


def _name(item: Item) -> str:
    return PurePath(item.path or f"item {item.id}").name


def checked_lines(checked: CheckedTags, most: int) -> Iterator[str]:
    """A summary, and a line for each of the most doubtful tags."""
    if not checked.tags:
        yield "nothing to check: no tag was given to ten pictures by a person or a file"
        return
    tags = counted(len(checked.tags), "tag")
    yield f"{tags} of {counted(checked.pictures, 'picture')} checked: {_found(checked)}"
    rows = [
        (f"{one.doubt:.2f}", *_doubt(one), one.item.path or "") for one in checked.doubts[:most]
    ]
    yield from table(("doubt", "tag", "rather", "picture"), rows)
    if len(checked.doubts) > most:
        yield f"… and {len(checked.doubts) - most:,} more; --most N shows more"


def _found(checked: CheckedTags) -> str:
    if not checked.doubts:
        return "none looks wrong"
    count = len(checked.doubts)
    if count == 1:
        return "1 looks wrong or seems to be missing"
    return f"{count:,} look wrong or seem to be missing"


def _doubt(one: DoubtfulTag) -> tuple[str, str]:
    return one.wrong or "(lacks)", one.better or "(without)"


def rejected_lines(rejected: RejectedTags) -> Iterator[str]:
    """A line for each of the first tags that a person took off."""
    rows = [(str(item.id), tag, item.path or "") for item, tag in rejected.first]
    yield from table(("item", "tag", "picture"), rows)
    if not rejected.total:
        yield "no automatic tag was taken off"
    if rejected.total > len(rows):
        yield f"… and {rejected.total - len(rows):,} more; --most N shows more"

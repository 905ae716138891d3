"""Random items for random filters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st

from tests.filters.random_filters import NUMBERS, TEXTS

COLUMNS = (
    *("id", "kind", "path", "caption", "width", "height", "bytes", "format", "date", "camera"),
    *("lens", "latitude", "longitude", "added"),
)


def _maybe(values: Any) -> Any:
    return st.none() | values


META_VALUES = _maybe(
    NUMBERS | st.booleans() | TEXTS | st.lists(NUMBERS | st.booleans() | TEXTS, max_size=2)
)
ITEMS = st.builds(
    SimpleNamespace,
    kind=st.sampled_from(("image", "caption")),
    path=_maybe(st.sampled_from(("/a", "/a/b", "/a/b/c", "/a b/c", "/a%/x", "/A/x", "a")) | TEXTS),
    caption=_maybe(TEXTS),
    captions=st.lists(TEXTS, max_size=2).map(tuple),
    tags=st.lists(TEXTS, max_size=2, unique=True).map(tuple),
    width=_maybe(st.integers(-1, 3)),
    height=_maybe(st.integers(-1, 3)),
    bytes=_maybe(st.integers(0, 3)),
    format=_maybe(st.sampled_from(("JPEG", "PNG", "MPO"))),
    date=_maybe(
        st.sampled_from(("2023-12-31T23:59:59", "2024-02-29T12:30:15.25", "2024-12-31T23:59:59.5"))
    ),
    camera=_maybe(TEXTS),
    lens=_maybe(TEXTS),
    latitude=_maybe(st.sampled_from((-1.25, 0.5, 2.0))),
    longitude=_maybe(st.sampled_from((-1.25, 0.5, 2.0))),
    added=_maybe(st.sampled_from((0, 1_709_206_215, 1_735_686_000, 2**33))),
    meta=_maybe(
        st.dictionaries(st.sampled_from(("author", "a b.c'd", "x-y")), META_VALUES, max_size=3)
    ),
)


def lies_at(item: Any) -> object:
    """Equal for items that cannot be in one store."""
    return object() if item.path is None else item.path

"""Random filters and random items for them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mmembed.filters.conditions import condition
from mmembed.filters.tree import EVERYTHING, Operator, Where, all_of, any_of, negated

WORDS = ("a", "A", "Ab", "aB_", "%", "*b", "[a]", "é", "É", "ß", "\U0010ffff", "a'b", 'a"b\\',
         "1", "1.0", "+1", "1e0", ".5", "007", "true", "TRUE", "9" * 20)  # fmt: skip
TEXTS = st.sampled_from(WORDS) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4
)
DATES = st.sampled_from(
    ("2023", "2024", "2024-02", "2024-12", "2024-02-29", "2024-12-31T23", "2024-02-29T12:30",
     "2024-02-29T12:30:15", "9999-12", "0001")
)  # fmt: skip
NUMBERS = st.integers(-3, 3) | st.sampled_from((0.5, -1.25, 1e-7, 2**40))
FOLDERS = st.sampled_from(("/", "/a", "/a b", "/a/b", "/A", "/a%"))
SCALARS = st.booleans() | NUMBERS | TEXTS
META_FIELDS = st.sampled_from(("meta.author", "meta.a b.c'd", "meta.x-y"))


def _sorted(values: SearchStrategy) -> SearchStrategy:
    return st.lists(values, min_size=2, max_size=2).map(sorted)


def _tests(
    fields: SearchStrategy[str], values: SearchStrategy, *operators: Operator
) -> SearchStrategy[Where]:
    singles = st.builds(condition, fields, st.sampled_from(("=", "!=", *operators)), values)
    lists = st.builds(condition, fields, st.just("in"), st.lists(values, min_size=1, max_size=3))
    exists = st.builds(condition, fields, st.just("exists"), st.booleans())
    return singles | lists | exists


def _ordered(fields: SearchStrategy[str], values: SearchStrategy) -> SearchStrategy[Where]:
    between = st.builds(condition, fields, st.just("between"), _sorted(values))
    return _tests(fields, values, "<", "<=", ">", ">=") | between


def _parts(fields: SearchStrategy[str]) -> SearchStrategy[Where]:
    return st.builds(condition, fields, st.sampled_from(("startswith", "contains")), TEXTS)


_TEXT_FIELDS = st.sampled_from(("tag", "path", "camera", "lens", "caption"))
_NUMBER_FIELDS = st.sampled_from(
    ("width", "height", "megapixels", "bytes", "latitude", "longitude")
)
_ANY_TEST = (
    _tests(_TEXT_FIELDS, TEXTS)
    | _parts(_TEXT_FIELDS)
    | _ordered(_NUMBER_FIELDS, NUMBERS)
    | _ordered(st.sampled_from(("date", "added")), DATES)
    | _tests(META_FIELDS, SCALARS)
    | _ordered(META_FIELDS, NUMBERS)
    | _ordered(META_FIELDS, TEXTS)
    | _parts(META_FIELDS)
    | _tests(st.just("kind"), st.sampled_from(("image", "caption")))
    | _tests(st.just("orientation"), st.sampled_from(("landscape", "portrait", "square")))
    | _tests(st.just("format"), st.sampled_from(("jpg", "PNG")))
    | _tests(st.just("folder"), FOLDERS)
)


def _joined(parts: SearchStrategy[Where]) -> SearchStrategy[Where]:
    some = st.lists(parts, min_size=2, max_size=3)
    return (
        some.map(lambda many: all_of(*many))
        | some.map(lambda many: any_of(*many))
        | parts.map(negated)
    )


CONDITIONS = st.recursive(_ANY_TEST, _joined, max_leaves=5)
FILTERS = st.just(EVERYTHING) | CONDITIONS

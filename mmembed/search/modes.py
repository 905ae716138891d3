"""How a query is answered: by pictures, captions and words together, or by some of them."""

from __future__ import annotations

from collections.abc import Sequence

from mmembed.errors import QueryError
from mmembed.types import MODES, Kind, SearchMode, Strategy, Term


def mode_of(
    terms: Sequence[Term], kind: Kind, strategy: Strategy, wanted: SearchMode | None
) -> SearchMode:
    """The mode of a query. By default words find images by all that is known of them. Pictures,
    items and negative terms find what looks alike or different, and captions are found by meaning.

    Raises QueryError for a mode that is not known, or that the query does not allow.
    """
    if wanted is None:
        by_all = kind == "image" and strategy == "sum" and all(map(_is_wanted_text, terms))
        return "hybrid" if by_all else "picture"
    if wanted not in MODES:
        raise QueryError(f"mode: {wanted!r} is none of {', '.join(MODES)}", param="mode")
    if wanted == "picture":
        return wanted
    if kind != "image":
        raise QueryError(f"mode: {wanted} finds images; use picture for captions", param="mode")
    if strategy != "sum":
        raise QueryError(
            f"mode: {wanted} adds its terms up; use strategy sum, or mode picture", param="mode"
        )
    if not any(map(_is_wanted_text, terms)):
        raise QueryError(
            f"mode: {wanted} needs words to look for; add a text, or use picture", param="mode"
        )
    return wanted


def words_of(terms: Sequence[Term]) -> str:
    """The texts that are looked for, as one."""
    return " ".join(term.text for term in terms if term.text is not None and term.weight > 0)


def _is_wanted_text(term: Term) -> bool:
    return term.text is not None and term.weight > 0

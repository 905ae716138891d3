"""How a query is answered: by pictures, captions and words together, or by some of them."""

from __future__ import annotations

from collections.abc import Sequence

from mmembed.errors import QueryError
from mmembed.types import MODES, Kind, SearchMode, Strategy, Term


def mode_of(
    terms: Sequence[Term], kind: Kind, strategy: Strategy, wanted: SearchMode | None
) -> SearchMode:
    """The mode of a query. By default words find images by all that is known of them, also beside
    pictures and negative words. Pictures and items alone find what looks alike, negative ones lead
    away from it, and captions are found by meaning.

    Raises QueryError for a mode that is not known, or that the query does not allow.
    """
    looks_for_words = any(term.text is not None and term.weight > 0 for term in terms)
    if wanted is None:
        away_by_words = all(term.text is not None for term in terms if term.weight < 0)
        by_all = kind == "image" and looks_for_words and away_by_words
        return "hybrid" if by_all else "picture"
    if wanted not in MODES:
        raise QueryError(f"mode: {wanted!r} is none of {', '.join(MODES)}", param="mode")
    if wanted == "picture":
        return wanted
    if kind != "image":
        raise QueryError(f"mode: {wanted} finds images; use picture for captions", param="mode")
    if wanted == "words" and strategy == "best":
        raise QueryError(
            "mode: words looks for all words at once; use strategy sum or exclude, or mode hybrid",
            param="mode",
        )
    if not looks_for_words:
        raise QueryError(
            f"mode: {wanted} needs words to look for; add a text, or use picture", param="mode"
        )
    return wanted


def words_of(terms: Sequence[Term]) -> str:
    """The texts that are looked for, as one."""
    return " ".join(term.text for term in terms if term.text is not None and term.weight > 0)

"""«without X» in words → a note that offers X as a negative term.

Models of this kind hardly read negations: the words pull a picture of X up. The words of a query
are still never changed, for «no smoking» is a sign.
"""

from __future__ import annotations

import re

_WORDS = (
    "without|with no|but no|but not|no|not|except",  # English
    "ohne|kein|keine|keinen",  # German
    "sans",  # French
    "sin",  # Spanish
    "senza",  # Italian
    "sem",  # Portuguese
    "zonder|geen",  # Dutch
    "utan",  # Swedish
    "uden|uten",  # Danish, Norwegian
    "bez",  # Polish, Czech
    "без",  # Russian, Ukrainian, Bulgarian
)
NEGATIONS = frozenset(word for some in _WORDS for word in some.split("|") if " " not in word)
"""Single words that negate."""
_NEGATION = re.compile(
    rf"^(?P<rest>.*?\S)[\s,;]+(?P<negation>{'|'.join(_WORDS)})\s+"
    r"(?P<away>(?:(?:any|a|an|the|some)\s+)?\S[^,;.!?]*?)\s*[.!?]*$",
    re.IGNORECASE | re.DOTALL,
)
_BEGINS = re.compile(rf"^\s*(?:{'|'.join(_WORDS)})\s+\S", re.IGNORECASE)
MOST_CHARS = 200
"""Of words that are read for a negation; longer ones are documents."""


def negates(words: str) -> bool:
    """Whether words begin or end with a negation, which the model reads as its contrary."""
    return _BEGINS.match(words) is not None or note_on_negation(words) is not None


def note_on_negation(words: str) -> str | None:
    """A sentence that says how to search with a negative term instead; None if the words negate
    nothing at their end."""
    match = _NEGATION.match(words.strip()) if len(words) <= MOST_CHARS else None
    if match is None:
        return None
    rest, away = match["rest"].strip(" ,;"), match["away"].strip()
    said = words.strip()[match.start("negation") :].strip()
    return (
        f"The model hardly understands “{said}”. To rank {away} lower, search for “{rest}” with "
        f"“{away}” as a negative term: without={away} over HTTP, --without on the command line."
    )

"""Parses captions and tags of rows and text files, by the same rules as over HTTP."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mmembed.config.limits import Limits
from mmembed.config.settings import variable
from mmembed.config.text_limits import TextLimits
from mmembed.errors import ManifestError
from mmembed.ingest.bounded_lines import LONGEST_ROW

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INFINITE = (math.inf, -math.inf)


@dataclass(frozen=True)
class SaidLimits:
    """Limits on the captions and tags of one image."""

    chars: int = TextLimits.text_chars
    """Of one caption or tag."""
    texts: int = Limits.items
    """Captions, and tags."""

    def check(self, what: str, text: str) -> None:
        """Raises ManifestError for a caption or tag that is too long."""
        if len(text) > self.chars:
            raise ManifestError(
                f"{len(text):,} characters in a {what}, limit {self.chars:,}; "
                f"raise {variable('max_text_chars')}"
            )

    def check_count(self, what: str, count: int) -> None:
        """Raises ManifestError for an image with too many captions or tags."""
        if count > self.texts:
            raise ManifestError(
                f"over {self.texts:,} {what}s of one picture; raise {variable('max_items')}"
            )


def captions_in(value: Any, limits: SaidLimits) -> list[str]:
    """The captions in a cell: a text, a list, or a list spelt as JSON. Raises ManifestError."""
    texts = [clean(text) for text in _texts(value, "caption", limits)]
    return _checked("caption", texts, limits)


def tags_in(value: Any, limits: SaidLimits) -> list[str]:
    """The tags in a cell: as captions, or one text with `,`, `;` or `|` between them. Raises
    ManifestError."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        _check_length(value, "tag")
        value = re.split("[,;|]", value)
    texts = [clean(text) for text in _texts(value, "tag", limits)]
    for text in texts:
        if _CONTROL.search(text):
            raise ManifestError(f"tag {text[:40]!r}: holds a control character")
    return _checked("tag", texts, limits)


def _checked(what: str, texts: list[str], limits: SaidLimits) -> list[str]:
    texts = [text for text in texts if text]
    for text in texts:
        limits.check(what, text)
    limits.check_count(what, len(texts))
    return texts


def _texts(value: Any, what: str, limits: SaidLimits) -> Iterable[str]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        _check_length(value, what)
        value = _json_list(value, what)
    if not isinstance(value, list):
        return [_text(value, what)]
    limits.check_count(what, len(value))
    return [_text(one, what) for one in value]


def _check_length(value: str, what: str) -> None:
    if len(value) > LONGEST_ROW:
        raise ManifestError(f"{len(value):,} characters in a list of {what}s")


def _text(value: Any, what: str) -> str:
    """A number becomes a text: years are tags. A missing value is no text."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or value in _INFINITE:
        raise ManifestError(f"{what}: expected text, found {_kind(value)}")
    return str(value)


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list within a list", bool: "yes or no", bytes: "bytes"}
    return kinds.get(type(value), f"{value!r:.40}")


def _json_list(text: str, what: str) -> Any:
    try:
        value = json.loads(text)
    except RecursionError:
        raise ManifestError(f"{what}: brackets within brackets, too deep to read") from None
    except ValueError:
        return text  # «[untitled] a dog»
    return value if isinstance(value, list) else text


def clean(text: str) -> str:
    """The text as every store can hold it, without spaces around it."""
    # JSON can spell halves of characters, which are no text.
    return text.strip().encode("utf-8", "replace").decode()

"""The rows of a manifest, and the columns that are wanted of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mmembed.errors import ManifestError

Row: TypeAlias = Mapping[str, Any]
Numbered: TypeAlias = tuple[int, Row | ManifestError]
"""The line, or the number of the row, and its values or its error."""


@dataclass(frozen=True)
class Columns:
    """The wanted columns of a file."""

    names: Sequence[str]
    needed: Sequence[str]
    """At least one of these columns has to be there."""
    further: bool = False
    """Whether the columns of other names are looked for, too."""

    def check(self, found: Sequence[str]) -> None:
        """Raises ManifestError for a table without them, or with one of them twice."""
        if not set(found) & set(self.needed):
            raise ManifestError(
                f"no file name; expected a column named {self.needed[0]} "
                f"(or {', '.join(self.needed[1:])})"
            )
        for name in self.names:
            if found.count(name) > 1:
                raise ManifestError(f"two columns are named {name}")

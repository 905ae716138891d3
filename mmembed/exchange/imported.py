"""The result of an import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mmembed.types import Failure

SHOWN_FAILURES = 1000
"""Failures that are kept; the others are counted."""


@dataclass
class Imported:
    """The result of an import."""

    rows: int = 0
    """Items that the export holds."""
    added: int = 0
    described: int = 0
    """Items that were there, and got captions, tags or fields that they had not."""
    unchanged: int = 0
    other_content: int = 0
    """Images at whose paths the collection has another content, which stays."""
    uploads: int = 0
    """Of the added items."""
    vectors: int = 0
    """Vectors of further models."""
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    """The first of them."""
    seconds: float = 0.0

    def fail(self, failures: Iterable[Failure]) -> None:
        """Count failures, and keep the first."""
        for failure in failures:
            self.failed += 1
            if len(self.failures) < SHOWN_FAILURES:
                self.failures.append(failure)

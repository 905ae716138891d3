"""Counts of what an indexing passes over."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(kw_only=True)
class PassedOver:
    """How many files and folders were not read, by the reason."""

    hidden: int = 0
    linked: int = 0
    other: int = 0
    system: int = 0
    """Folders of systems and programs."""
    excluded: int = 0
    """Files and folders."""
    kept_out: int = 0
    """Files and folders that were taken out for good."""
    collections: int = 0
    """Data folders, whose own files were skipped."""

    def take_counts(self, of: PassedOver) -> None:
        """Have the counts of another one."""
        for count in fields(PassedOver):
            setattr(self, count.name, getattr(of, count.name))

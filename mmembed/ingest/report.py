"""Progress and results of an indexing."""

from __future__ import annotations

from dataclasses import dataclass, field

from mmembed.ingest.plan import Plan
from mmembed.ingest.stage_profile import StageTime, limit
from mmembed.types import Failure


@dataclass
class Report:
    """The results of one indexing."""

    total: int = 0
    embedded: int = 0
    copies: int = 0
    """Files with a content that was embedded before; they share its vector."""
    unchanged: int = 0
    touched: int = 0
    """Files with a new time and the old content."""
    moved: int = 0
    removed: int = 0
    recaptioned: int = 0
    headers: int = 0
    """Files that were indexed before, of which only the header was read."""
    cut: int = 0
    """Long captions that were indexed before, and have a vector for each chunk now."""
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
    empty: list[str] = field(default_factory=list)
    """The paths below which there was no picture."""
    kept_because_empty: bool = False
    interrupted: bool = False
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    stages: list[StageTime] = field(default_factory=list)
    """How long each stage was busy with the files that were new or changed."""

    def limit(self) -> str:
        """The work that sets the pace; see `stage_profile.limit`."""
        return limit(self.stages)

    def note(self, plan: Plan) -> None:
        """Add the counts of skipped files."""
        found = plan.scan
        self.hidden, self.linked, self.other = found.hidden, found.linked, found.other
        self.system, self.excluded = found.system, found.excluded
        self.collections, self.empty = found.collections, found.empty()
        self.kept_out = found.kept_out + len(plan.moved_out)

"""Progress and results of an indexing."""

from __future__ import annotations

from dataclasses import dataclass, field

from mmembed.ingest.passed_over import PassedOver
from mmembed.ingest.plan import Plan
from mmembed.ingest.stage_profile import StageTime, limit
from mmembed.types import Failure


@dataclass
class Report(PassedOver):
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
    missing: int = 0
    """Images that stay though their files are gone."""
    recaptioned: int = 0
    headers: int = 0
    """Files that were indexed before, of which only the header was read."""
    cut: int = 0
    """Long captions that were indexed before, and have a vector for each chunk now."""
    empty: list[str] = field(default_factory=list)
    """The paths below which there was no picture."""
    kept_because_empty: bool = False
    interrupted: bool = False
    seconds: float = 0.0
    opening_seconds: float = 0.0
    """Of these, the wait for the model to open; of several workers this is not known."""
    failures: list[Failure] = field(default_factory=list)
    stages: list[StageTime] = field(default_factory=list)
    """How long each stage was busy with the files that were new or changed."""

    def limit(self) -> str:
        """The work that sets the pace; see `stage_profile.limit`."""
        return limit(self.stages)

    def note(self, plan: Plan) -> None:
        """Add the counts of skipped files."""
        self.take_counts(plan.scan)
        self.kept_out += len(plan.moved_out) + len(plan.ignored.met) + plan.passed_unread
        self.empty = plan.scan.empty()

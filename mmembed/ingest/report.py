"""What an indexing tells of itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from mmembed.ingest.profile import StageTime
from mmembed.types import Failure


@dataclass
class Report:
    """What one indexing did."""

    total: int = 0
    embedded: int = 0
    copies: int = 0
    """Files whose content had been embedded before; they share its vector."""
    unchanged: int = 0
    touched: int = 0
    """Files with a new time and the old content."""
    moved: int = 0
    removed: int = 0
    recaptioned: int = 0
    hidden: int = 0
    linked: int = 0
    other: int = 0
    kept_because_empty: bool = False
    interrupted: bool = False
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    stages: list[StageTime] = field(default_factory=list)
    """How long each stage was busy with the files that were new or changed."""

"""The protocol for work that several processes share: an indexing is planned as pieces, and any
number of workers on any machines claim them.

    begin → add … → note_gone → planned                         the planner, once for each indexing
    claim → renew … → finish | give_back                        a worker, once for each piece
    claim_ending → gone → settled → end                         a worker, once the pieces are done

A claim is a lease: it ends by itself unless it is renewed, so the pieces of dead workers return.
The time is that of the store's server alone. A file is in at most one unfinished piece. The rules
of `store.protocol` hold here, too: a change is durable when its method returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

Missing: TypeAlias = Literal["leave", "leave_all", "stay"]
"""Whether the images of files that were not found leave the collection: they do, unless nothing at
all is below their indexed path; they do, in any case; or they stay."""

LEASE_S = 30.0
"""Seconds after which a claim ends that is not renewed."""
MOST_DEATHS = 3
"""Workers that may end without a word while they have a piece; then it is split."""
PARTS = 10
"""Pieces that such a piece is split into."""


@dataclass(frozen=True)
class WorkRules:
    """The rules of one indexing, which all its workers follow."""

    roots: tuple[str, ...]
    """The absolute paths that are indexed."""
    rehash: bool = False
    """Whether to read files that seem unchanged."""
    thumbnails: bool = False
    """Whether to make thumbnails, too."""
    location: bool = True
    """Whether the places of pictures may be stored."""
    model: str = "auto"
    """The id of the model."""
    newest: int = 0
    """The largest id of an item when the planning began; of a piece, when the last planning began
    that awaits it."""
    missing: Missing = "leave"
    """Whether images of missing files leave the collection."""
    finds_lost: bool = False
    """Whether a new file with the content of a missing known one, of any folder, is that one."""


class PieceFile(NamedTuple):
    """A file of a piece."""

    path: str
    said: str
    """The captions, tags and fields in manifests, as the ingest writes them; empty for none."""


@dataclass(frozen=True)
class Piece:
    """Some files, claimed by one worker."""

    id: int
    token: str
    """Of this claim; a later claim has another one."""
    plan: int
    rules: WorkRules
    files: tuple[PieceFile, ...]
    deaths: int = 0
    """Earlier workers that ended without a word while they had it."""

    @property
    def is_poisoned(self) -> bool:
        """Whether it is a single file that ended so many workers that no more should try."""
        return self.deaths >= MOST_DEATHS


@dataclass(frozen=True)
class Ending:
    """The last step of an indexing, claimed by one worker: its known files that are gone."""

    plan: int
    token: str
    rules: WorkRules


class Gone(NamedTuple):
    """An image whose file was not found."""

    item_id: int
    path: str
    ended: tuple[str, ...] = ()
    """The files whose words it loses if it is found at a new path."""


@dataclass(frozen=True)
class WorkProgress:
    """How far the work is."""

    files: int = 0
    """Files in pieces, done or not."""
    done: int = 0
    failed: int = 0
    workers: int = 0
    """Claims that are alive."""
    open: int = 0
    """Pieces that are not done, claimed or not."""
    planning: int = 0
    """Indexings that are being planned, or whose last step is not done."""

    @property
    def is_all_done(self) -> bool:
        """Whether no worker has anything to wait for."""
        return not self.open and not self.planning


class Pieces(Protocol):
    """The work that processes share. Any method raises StoreError."""

    def joining(self, wait_s: float = 0) -> AbstractContextManager[None]:
        """Be one of any number of processes that index, for the length of the block. Nobody has the
        purpose "indexing" alone meanwhile. Raises StoreBusy if a process has, after `wait_s`
        seconds."""

    # -- planning --------------------------------------------------------------------

    def begin(self, rules: WorkRules) -> int:
        """A new plan, which takes over the open pieces of planners that died at these roots."""

    def add(self, plan: int, files: Sequence[PieceFile]) -> int:
        """Make a piece of the files that are in no unfinished piece; returns how many these are.
        The plan awaits the pieces that have the others. Raises StoreBusy if the plan is lost."""

    def await_unfinished(self, plan: int, paths: Sequence[str]) -> set[str]:
        """The files among these that some unfinished piece has, which reports on them; the plan
        awaits it. Raises StoreBusy if the plan is lost."""

    def keep_planning(self, plan: int) -> None:
        """Say that the planner is alive."""

    def note_gone(self, plan: int, gone: Sequence[Gone]) -> None:
        """Have the last step of the plan take these images out, or find them at a new path."""

    def planned(self, plan: int, report: str) -> None:
        """No file is added any more. Raises StoreBusy if the plan is lost."""

    def abandon(self, plan: int) -> None:
        """The planner ends early; added pieces stay for workers and the next planner."""

    # -- working ---------------------------------------------------------------------

    def claim(self, worker: str, plan: int | None = None, lease_s: float = LEASE_S) -> Piece | None:
        """The next open piece for a worker; None if there is none to claim now. plan: only a piece
        that this plan awaits. A piece that ended MOST_DEATHS workers is split first, and of a
        single file it `is_poisoned`."""

    def renew(self, piece: Piece, done: int, failed: int, lease_s: float = LEASE_S) -> bool:
        """Prolong a claim, and tell how many files are done; False if the claim is lost."""

    def finish(self, piece: Piece, report: str, failed: int) -> bool:
        """Note a piece as done, with its report; False if the claim is lost."""

    def give_back(self, piece: Piece) -> None:
        """Let another worker have a piece at once; nothing happens if the claim is lost."""

    # -- the last step ---------------------------------------------------------------

    def claim_ending(self, worker: str, lease_s: float = LEASE_S) -> Ending | None:
        """A plan whose pieces are all done, for its last step; None if there is none to claim."""

    def gone(self, ending: Ending, limit: int) -> list[Gone]:
        """Up to `limit` of the noted images that are not settled yet."""

    def settled(self, ending: Ending, item_ids: Sequence[int], lease_s: float = LEASE_S) -> bool:
        """These images are taken out or moved; prolongs the claim. False if the claim is lost."""

    def end(self, ending: Ending, report: str) -> None:
        """The plan is done."""

    # -- looking ---------------------------------------------------------------------

    def progress(self, plan: int | None = None) -> WorkProgress:
        """How far a plan is with the pieces that it awaits, or all of the work."""

    def is_ended(self, plan: int) -> bool:
        """Whether the last step of a plan is done."""

    def reports(self, plan: int) -> list[str]:
        """The reports of a plan's planner, its finished pieces, and its last step."""

    def forget(self, plan: int) -> None:
        """Delete an ended plan with its reports."""

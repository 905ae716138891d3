"""A worker and its claim, when the work ends badly."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

import pytest

from mmembed.collection.piece_lane import PieceLanes
from mmembed.collection.worker import Worker
from mmembed.errors import ModelError, ModelHangs
from mmembed.ingest import PieceWork, Report
from mmembed.store.pieces import Piece, PieceFile, WorkRules

NOTHING = cast(Any, None)


class SomePieces:
    """Has so many pieces, and notes what becomes of them."""

    def __init__(self, most: int = 1, deaths: int = 0) -> None:
        self.given_back: list[Piece] = []
        self.finished: list[Piece] = []
        self._most, self._deaths, self._claimed = most, deaths, 0

    def claim(self, *_: object) -> Piece | None:
        if self._claimed == self._most:
            return None
        self._claimed += 1
        file = PieceFile(f"/photos/{self._claimed}.jpg", "")
        rules = WorkRules(("/photos",))
        return Piece(self._claimed, "token", 1, rules, (file,), self._deaths)

    def claim_ending(self, *_: object) -> None:
        """There is none."""

    def finish(self, piece: Piece, *_: object) -> bool:
        self.finished.append(piece)
        return True

    def renew(self, *_: object) -> bool:
        return True

    def give_back(self, piece: Piece) -> None:
        self.given_back.append(piece)


@pytest.mark.parametrize(("error", "returns"), [(ModelHangs, 0), (ModelError, 1)])
def test_a_piece_whose_model_hangs_counts_as_that_of_a_dead_worker(
    error: type[Exception], returns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given back at once, a picture on which models hang would hang one after the other."""

    def fail(*_: object) -> None:
        raise error("no progress")

    monkeypatch.setattr(PieceWork, "run", fail)
    pieces = SomePieces(most=9)
    with pytest.raises(error):
        worker_of(pieces, monkeypatch).run(lambda: True, joined=True)
    assert len(pieces.given_back) == returns


def worker_of(pieces: Any, monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(Worker, "_pipeline_for", lambda *_: None)
    return Worker(NOTHING, pieces, NOTHING, NOTHING, NOTHING, threading.Event())


@pytest.mark.parametrize(("deaths", "at_once"), [(0, 2), (1, 1)])
def test_the_next_piece_is_decoded_while_one_is_embedded_unless_it_ended_workers(
    deaths: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way: list[int] = []
    most: list[int] = []
    two = threading.Event()

    def run(_: object, piece: Piece, note: Any, ending: Any, decoded: Any) -> Report:
        under_way.append(piece.id)
        most.append(len(under_way))
        if len(under_way) == 2:
            two.set()
        decoded()
        two.wait(0.02 if deaths else 9)
        under_way.remove(piece.id)
        return Report(total=1)

    monkeypatch.setattr(PieceWork, "run", run)
    pieces = SomePieces(4, deaths)
    worker_of(pieces, monkeypatch).run(lambda: True, joined=True)
    assert sorted(piece.id for piece in pieces.finished) == [1, 2, 3, 4]
    assert max(most) == at_once


def test_an_interrupt_gives_all_pieces_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-C does, which reaches the thread that waits."""
    started = threading.Event()

    def run(_: object, piece: Piece, note: Any, ending: Any, decoded: Any) -> Report:
        decoded()
        if piece.id == 2:
            started.set()
        while not ending():
            time.sleep(0.001)
        return Report(total=1, interrupted=True)

    pieces = SomePieces(9)
    monkeypatch.setattr(PieceWork, "run", run)
    monkeypatch.setattr(PieceLanes, "_end_first", lambda _: started.wait(9) and interrupt())
    with pytest.raises(KeyboardInterrupt):
        worker_of(pieces, monkeypatch).run(lambda: True, joined=True)
    assert sorted(piece.id for piece in pieces.given_back) == [1, 2]


def interrupt() -> bool:
    raise KeyboardInterrupt

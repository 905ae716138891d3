"""A worker and its claim, when the work ends badly."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from mmembed.collection.worker import Worker
from mmembed.errors import ModelError, ModelHangs
from mmembed.ingest import PieceWork
from mmembed.store.pieces import Piece, PieceFile, WorkRules


class OnePiece:
    """Has one piece, and notes what becomes of it."""

    def __init__(self) -> None:
        self.given_back: list[Piece] = []

    def claim(self, *_: object) -> Piece:
        return Piece(1, "token", 1, WorkRules(("/photos",)), (PieceFile("/photos/a.jpg", ""),))

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
    monkeypatch.setattr(Worker, "_pipeline_for", lambda *_: None)
    pieces: Any = OnePiece()
    nothing = cast(Any, None)
    working = Worker(nothing, pieces, nothing, nothing, nothing, threading.Event())
    with pytest.raises(error):
        working.run(lambda: True, joined=True)
    assert len(pieces.given_back) == returns

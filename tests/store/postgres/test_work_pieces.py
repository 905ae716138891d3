"""Work that processes share: who gets a piece, for how long, and what dead workers leave."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.errors import StoreBusy
from mmembed.store.entries import ImageEntry, Model
from mmembed.store.pieces import MOST_DEATHS, Gone, Piece, PieceFile, Pieces, WorkRules
from tests.postgres_server import address, new_schema

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install mmembed[postgres]")

from mmembed.store.postgres import open_database, schema
from mmembed.store.postgres.postgres_store import PostgresStore

pytestmark = pytest.mark.scale
RULES = WorkRules(("/photos",), rehash=True, model="fake", newest=7)
SOON = 0.05
"""Seconds of a lease that ends at once."""


@pytest.fixture
def pieces(postgres: Any) -> Pieces:
    shared: Pieces = postgres.pieces
    return shared


def files(*names: object) -> list[PieceFile]:
    return [PieceFile(f"/photos/{name}", "") for name in names]


def names(piece: Piece | None) -> list[str]:
    assert piece is not None
    return [Path(file.path).name for file in piece.files]


def expire(pieces: Pieces, times: int) -> None:
    """Have workers die that claim the next piece."""
    for _ in range(times):
        assert pieces.claim("dies", lease_s=SOON) is not None
        time.sleep(2 * SOON)


def test_a_piece_is_claimed_done_and_reported_once(pieces: Pieces) -> None:
    plan = pieces.begin(RULES)
    assert pieces.add(plan, [PieceFile("/photos/a", "said"), *files("b")]) == 2
    piece = pieces.claim("one")
    assert piece is not None
    assert (piece.rules, piece.deaths, piece.is_poisoned) == (RULES, 0, False)
    assert piece.files == (PieceFile("/photos/a", "said"), PieceFile("/photos/b", ""))
    assert pieces.claim("two") is None
    assert pieces.renew(piece, 1, 1)
    state = pieces.progress()
    assert (state.files, state.done, state.failed, state.workers, state.open) == (2, 1, 1, 1, 1)
    assert pieces.finish(piece, "report", 1)
    assert not pieces.finish(piece, "again", 0)
    assert not pieces.renew(piece, 0, 0)
    pieces.planned(plan, "planner")
    assert pieces.progress(plan).done == 2
    assert not pieces.progress().is_all_done
    ending = pieces.claim_ending("one")
    assert ending is not None
    pieces.end(ending, "end")
    assert pieces.progress().is_all_done
    assert pieces.reports(plan) == ["planner", "end", "report"]
    pieces.forget(plan)
    assert pieces.reports(plan) == []


def test_many_workers_get_each_piece_once(pieces: Pieces) -> None:
    plan = pieces.begin(RULES)
    for number in range(60):
        pieces.add(plan, files(number))

    def work(worker: int) -> list[str]:
        done = []
        while piece := pieces.claim(f"{worker}"):
            done += names(piece)
            assert pieces.finish(piece, "", 0)
        return done

    with ThreadPoolExecutor(8) as pool:
        done = [name for some in pool.map(work, range(8)) for name in some]
    assert Counter(done) == Counter(map(str, range(60)))


def test_a_lease_that_is_not_renewed_ends(pieces: Pieces) -> None:
    pieces.add(pieces.begin(RULES), files("a"))
    slow = pieces.claim("slow", lease_s=SOON)
    assert slow is not None
    assert pieces.renew(slow, 0, 0, lease_s=SOON)
    assert pieces.claim("other") is None
    time.sleep(2 * SOON)
    other = pieces.claim("other")
    assert other is not None
    assert (names(other), other.deaths) == (["a"], 1)
    assert not pieces.renew(slow, 1, 0)
    assert not pieces.finish(slow, "late", 0)
    pieces.give_back(slow)
    assert pieces.renew(other, 1, 0)
    pieces.give_back(other)
    third = pieces.claim("third")
    assert third is not None
    assert third.deaths == 1  # to give back is no death


def test_a_piece_that_ends_workers_is_split_down_to_one_file(pieces: Pieces) -> None:
    plan = pieces.begin(RULES)
    pieces.add(plan, files(*(f"{number:02}" for number in range(25))))
    expire(pieces, MOST_DEATHS)
    part = pieces.claim("next")
    assert names(part) == ["00", "01", "02"]
    assert pieces.progress(plan).open == 9
    assert pieces.progress(plan).files == 25
    pieces.give_back(part)  # type: ignore[arg-type]
    expire(pieces, 2)
    single = pieces.claim("next")
    assert single is not None
    found = {tuple(names(single)): single}
    while piece := pieces.claim("next"):
        found[tuple(names(piece))] = piece
    assert sum(len(key) for key in found) == 25
    assert [key for key in found if len(key) == 1] == [("24",), ("00",), ("01",), ("02",)]
    assert not any(piece.is_poisoned for piece in found.values())
    for piece in found.values():
        pieces.finish(piece, "", 0) if names(piece) != ["00"] else pieces.give_back(piece)
    expire(pieces, 2)
    last = pieces.claim("next")
    assert last is not None
    assert (names(last), last.is_poisoned) == (["00"], True)


def test_two_planners_of_the_same_files_are_safe(pieces: Pieces) -> None:
    first, second = pieces.begin(RULES), pieces.begin(RULES)

    def plan(which: int) -> int:
        return sum(pieces.add(which, files(*range(n, n + 50))) for n in range(0, 500, 50))

    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(plan, (first, second)))
    assert sum(counts) == 500
    for which in (first, second):
        pieces.planned(which, "")
    while piece := pieces.claim("worker", second):
        assert pieces.claim_ending("worker") is None
        pieces.finish(piece, f"{len(piece.files)}", 0)
    assert pieces.progress(second).done == 500
    assert sum(map(int, filter(None, pieces.reports(second)))) == 500
    assert pieces.claim_ending("worker") is not None
    assert pieces.claim_ending("worker") is not None


def test_the_next_planner_takes_over_from_a_dead_one(pieces: Pieces) -> None:
    dead = pieces.begin(RULES)
    pieces.add(dead, files("a", "b"))
    elsewhere = pieces.begin(WorkRules(("/elsewhere",)))
    pieces.abandon(dead)
    plan = pieces.begin(RULES)
    assert pieces.add(plan, files("a", "b", "c")) == 1
    assert pieces.progress(plan).files == 3
    with pytest.raises(StoreBusy, match="taken over the planning"):
        pieces.add(dead, files("d"))
    assert pieces.progress().planning == 2
    pieces.abandon(elsewhere)
    assert pieces.progress().planning == 1


def test_the_last_step_is_one_workers_after_all_pieces(pieces: Pieces) -> None:
    plan = pieces.begin(RULES)
    pieces.add(plan, files("a"))
    pieces.note_gone(plan, [Gone(3, "/photos/x"), Gone(4, "/photos/y")])
    assert pieces.claim_ending("early") is None
    pieces.planned(plan, "")
    piece = pieces.claim("worker")
    assert piece is not None
    assert pieces.claim_ending("early") is None
    pieces.finish(piece, "", 0)
    slow = pieces.claim_ending("slow", lease_s=SOON)
    assert slow is not None
    assert pieces.claim_ending("other") is None
    assert pieces.settled(slow, [3], lease_s=SOON)
    time.sleep(2 * SOON)
    other = pieces.claim_ending("other")
    assert other is not None
    assert not pieces.settled(slow, [])
    assert pieces.gone(other, 9) == [Gone(4, "/photos/y")]
    pieces.end(slow, "late")
    assert not pieces.is_ended(plan)
    pieces.end(other, "")
    assert pieces.is_ended(plan)


def test_many_index_together_and_none_beside_a_removal(postgres: Any) -> None:
    pieces = postgres.pieces
    with pieces.joining(), pieces.joining():  # noqa: SIM117 (these two are held meanwhile)
        with pytest.raises(StoreBusy, match="indexing"), postgres.exclusive("indexing"):
            pass
    with postgres.exclusive("indexing"), pytest.raises(StoreBusy), pieces.joining():
        pass
    with pieces.joining():
        pass


def test_a_database_of_layout_1_gets_the_tables_of_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = address(new_schema())
    monkeypatch.setattr(open_database, "STEPS", schema.STEPS[:1])
    entry = ImageEntry("/a", "sha", np.ones(4, np.float32), 1, 1, 1, "PNG", 7)
    with closing(PostgresStore(at, tmp_path, exact_limit=9)) as store:
        store.claim(Model("four", "fingerprint-of-four", 4))
        store.write([entry])
        identity = store.identity
    monkeypatch.undo()
    with closing(PostgresStore(at, tmp_path, exact_limit=9)) as store:
        assert store.identity == identity
        assert [item.path for item in store.page(after=0, limit=9, kind=None)] == ["/a"]
        assert store.check() == []
        assert store.pieces.add(store.pieces.begin(RULES), files("b")) == 1
        assert store._rows("SELECT value FROM meta WHERE key = 'layout'") == [
            (str(len(schema.STEPS)),)
        ]
        with store._connections.transaction() as session:
            session.run(f'DROP SCHEMA "{store._connections.address.schema}" CASCADE')


def test_a_planning_awaits_the_pieces_of_an_interrupted_one(pieces: Pieces) -> None:
    first = pieces.begin(RULES)
    pieces.add(first, files("a", "b"))
    pieces.planned(first, "first")
    second = pieces.begin(replace(RULES, newest=9))
    paths = [f"/photos/{name}" for name in "abc"]
    assert pieces.await_unfinished(second, paths) == {"/photos/a", "/photos/b"}
    assert pieces.await_unfinished(second, []) == set()
    pieces.planned(second, "second")
    assert pieces.progress(second).files == 2
    piece = pieces.claim("one", second)
    assert piece is not None
    assert piece.rules.newest == 9, "what the first one embedded is not new to the second"
    assert pieces.finish(piece, "done", 0)
    assert pieces.await_unfinished(first, paths[:0]) == set()
    assert "done" in pieces.reports(second)

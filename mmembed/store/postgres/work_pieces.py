"""Work that processes share, in the database; see Pieces. The time is the database's own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from hashlib import blake2b

from mmembed.errors import StoreBusy
from mmembed.store.pieces import (
    LEASE_S,
    MOST_DEATHS,
    Ending,
    Gone,
    Piece,
    PieceFile,
    WorkProgress,
    WorkRules,
)
from mmembed.store.postgres.connections import DatabaseConnections, Session
from mmembed.store.postgres.piece_rows import (
    AWAITED,
    CLAIM_ENDING_SQL,
    CLAIM_SQL,
    LATER,
    NOW,
    PROGRESS_SQL,
    RULES_SQL,
    add_piece,
    await_pieces,
    clean_up,
    split_piece,
)


class PostgresPieces:
    """The plans and pieces of one collection; see Pieces."""

    def __init__(
        self,
        connections: DatabaseConnections,
        joining: Callable[[float], AbstractContextManager[None]],
    ) -> None:
        self._connections = connections
        self._joining = joining

    def joining(self, wait_s: float = 0) -> AbstractContextManager[None]:
        """See Pieces.joining. Raises StoreBusy."""
        return self._joining(wait_s)

    # -- planning --------------------------------------------------------------------

    def begin(self, rules: WorkRules) -> int:
        """See Pieces.begin."""
        with self._changing() as session:
            clean_up(session)
            sql = f"INSERT INTO plans (rules, lease_until) VALUES (%s, {LATER}) RETURNING id"
            plan = int(session.rows(sql, (_text(rules), LEASE_S))[0][0])
            dead = (
                f"SELECT id FROM plans WHERE planned_at IS NULL AND lease_until < {NOW} "
                "AND rules->'roots' = %s::jsonb FOR UPDATE SKIP LOCKED"
            )
            ids = [row[0] for row in session.rows(dead, (json.dumps(rules.roots),))]
            session.run(
                "UPDATE pieces SET plan_id = %s WHERE finished_at IS NULL AND plan_id = ANY(%s)",
                (plan, ids),
            )
            session.run("DELETE FROM plans WHERE id = ANY(%s)", (ids,))
        return plan

    def add(self, plan: int, files: Sequence[PieceFile]) -> int:
        """See Pieces.add. Raises StoreBusy."""
        rows = sorted((_digest(file.path), file.path, file.said) for file in files)
        with self._changing() as session:
            self._keep(session, plan)
            return add_piece(session, plan, rows)

    def await_unfinished(self, plan: int, paths: Sequence[str]) -> set[str]:
        """See Pieces.await_unfinished. Raises StoreBusy."""
        if not paths:
            return set()
        digests = [_digest(path) for path in paths]
        sql = "SELECT path FROM piece_files WHERE digest = ANY(%s)"
        found = {str(path) for (path,) in self._connections.rows(sql, (digests,))}
        if found:
            with self._changing() as session:
                self._keep(session, plan)
                await_pieces(session, plan, [_digest(path) for path in sorted(found)])
        return found

    def keep_planning(self, plan: int) -> None:
        """See Pieces.keep_planning. Raises StoreBusy."""
        with self._changing() as session:
            self._keep(session, plan)

    def note_gone(self, plan: int, gone: Sequence[Gone]) -> None:
        """See Pieces.note_gone. Raises StoreBusy."""
        with self._changing() as session:
            self._keep(session, plan)
            session.insert(
                "plan_gone (plan_id bigint, item_id bigint, path text, ended text)",
                [(plan, image.item_id, image.path, json.dumps(image.ended)) for image in gone],
                "ON CONFLICT DO NOTHING",
            )

    def planned(self, plan: int, report: str) -> None:
        """See Pieces.planned. Raises StoreBusy."""
        with self._changing() as session:
            self._keep(session, plan)
            session.run(
                f"UPDATE plans SET planned_at = {NOW}, report = %s, lease_until = NULL "
                "WHERE id = %s",
                (report, plan),
            )

    def abandon(self, plan: int) -> None:
        """See Pieces.abandon."""
        with self._changing() as session:
            session.run(
                f"UPDATE plans SET lease_until = {NOW} WHERE id = %s AND planned_at IS NULL",
                (plan,),
            )

    def _keep(self, session: Session, plan: int) -> None:
        kept = session.run(
            f"UPDATE plans SET lease_until = {LATER} WHERE id = %s AND planned_at IS NULL",
            (LEASE_S, plan),
        )
        if not kept:
            raise StoreBusy(
                f"{self._connections.address.name}: another process has taken over the planning, "
                f"since this one was silent for {LEASE_S:g} s; `mmembed work` helps it"
            )

    # -- working ---------------------------------------------------------------------

    def claim(self, worker: str, plan: int | None = None, lease_s: float = LEASE_S) -> Piece | None:
        """See Pieces.claim."""
        token = uuid.uuid4().hex
        while True:
            with self._changing() as session:
                values = (worker, token, lease_s, plan, plan, plan)
                rows = session.rows(CLAIM_SQL, values)
                if not rows:
                    return None
                piece_id, plan_id, claims, files = rows[0]
                if claims > MOST_DEATHS and files > 1:
                    split_piece(session, piece_id, plan_id)
                    continue
                return self._piece(session, piece_id, token, plan_id, claims - 1)

    def _piece(
        self, session: Session, piece_id: int, token: str, plan_id: int, deaths: int
    ) -> Piece:
        sql = "SELECT path, said FROM piece_files WHERE piece_id = %s ORDER BY path"
        files = tuple(PieceFile(*row) for row in session.rows(sql, (piece_id,)))
        [(text, newest)] = session.rows(RULES_SQL, (piece_id, plan_id))
        rules = _rules(text)
        rules = replace(rules, newest=max(rules.newest, newest or 0))
        return Piece(piece_id, token, plan_id, rules, files, deaths)

    def renew(self, piece: Piece, done: int, failed: int, lease_s: float = LEASE_S) -> bool:
        """See Pieces.renew."""
        with self._changing() as session:
            sql = f"UPDATE pieces SET lease_until = {LATER}, done = %s, failed = %s WHERE {_MINE}"
            return bool(session.run(sql, (lease_s, done, failed, piece.id, piece.token)))

    def finish(self, piece: Piece, report: str, failed: int) -> bool:
        """See Pieces.finish."""
        with self._changing() as session:
            sql = (
                f"UPDATE pieces SET finished_at = {NOW}, lease_until = NULL, report = %s, "
                f"done = files, failed = %s WHERE {_MINE}"
            )
            kept = session.run(sql, (report, failed, piece.id, piece.token))
            if kept:
                session.run("DELETE FROM piece_files WHERE piece_id = %s", (piece.id,))
        return bool(kept)

    def give_back(self, piece: Piece) -> None:
        """See Pieces.give_back."""
        with self._changing() as session:
            session.run(
                "UPDATE pieces SET lease_until = NULL, token = NULL, worker = NULL, "
                f"claims = claims - 1 WHERE {_MINE}",
                (piece.id, piece.token),
            )

    # -- the last step ---------------------------------------------------------------

    def claim_ending(self, worker: str, lease_s: float = LEASE_S) -> Ending | None:
        """See Pieces.claim_ending."""
        token = f"{worker} {uuid.uuid4().hex}"
        with self._changing() as session:
            rows = session.rows(CLAIM_ENDING_SQL, (token, lease_s))
        return Ending(int(rows[0][0]), token, _rules(rows[0][1])) if rows else None

    def gone(self, ending: Ending, limit: int) -> list[Gone]:
        """See Pieces.gone."""
        sql = (
            "SELECT item_id, path, ended FROM plan_gone WHERE plan_id = %s "
            "ORDER BY item_id LIMIT %s"
        )
        rows = self._connections.rows(sql, (ending.plan, limit))
        return [Gone(item_id, path, tuple(json.loads(ended))) for item_id, path, ended in rows]

    def settled(self, ending: Ending, item_ids: Sequence[int], lease_s: float = LEASE_S) -> bool:
        """See Pieces.settled."""
        with self._changing() as session:
            sql = "DELETE FROM plan_gone WHERE plan_id = %s AND item_id = ANY(%s)"
            session.run(sql, (ending.plan, list(item_ids)))
            sql = f"UPDATE plans SET lease_until = {LATER} WHERE id = %s AND token = %s"
            return bool(session.run(sql, (lease_s, ending.plan, ending.token)))

    def end(self, ending: Ending, report: str) -> None:
        """See Pieces.end."""
        with self._changing() as session:
            session.run(
                f"UPDATE plans SET ended_at = {NOW}, lease_until = NULL, end_report = %s "
                "WHERE id = %s AND token = %s",
                (report, ending.plan, ending.token),
            )

    # -- looking ---------------------------------------------------------------------

    def progress(self, plan: int | None = None) -> WorkProgress:
        """See Pieces.progress."""
        rows = self._connections.rows(PROGRESS_SQL, (plan, plan, plan))
        return WorkProgress(*map(int, rows[0]))

    def is_ended(self, plan: int) -> bool:
        """See Pieces.is_ended."""
        sql = "SELECT ended_at IS NOT NULL FROM plans WHERE id = %s"
        return bool(self._connections.rows(sql, (plan,)) in ([], [(True,)]))

    def reports(self, plan: int) -> list[str]:
        """See Pieces.reports."""
        sql = (
            "SELECT unnest(ARRAY[report, end_report]) FROM plans WHERE id = %s UNION ALL "
            f"SELECT report FROM pieces WHERE plan_id = %s OR {AWAITED}"
        )
        rows = self._connections.rows(sql, (plan, plan, plan))
        return [str(report) for (report,) in rows if report is not None]

    def forget(self, plan: int) -> None:
        """See Pieces.forget."""
        with self._changing() as session:
            session.run("DELETE FROM plans WHERE id = %s AND ended_at IS NOT NULL", (plan,))

    @contextmanager
    def _changing(self) -> Iterator[Session]:
        with (
            self._connections.translating("did not keep the change"),
            self._connections.transaction() as session,
        ):
            yield session


_MINE = "id = %s AND token = %s AND finished_at IS NULL"


def _text(rules: WorkRules) -> str:
    """Without defaults: workers of an earlier version know no newer rules."""
    said = asdict(rules).items()
    return json.dumps(
        {name: value for name, value in said if value != getattr(WorkRules, name, ())}
    )


def _rules(text: str) -> WorkRules:
    values = json.loads(text)
    return WorkRules(**{**values, "roots": tuple(values["roots"])})


def _digest(path: str) -> bytes:
    return blake2b(path.encode(), digest_size=16).digest()

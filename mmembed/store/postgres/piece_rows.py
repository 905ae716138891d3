"""The statements behind plans and pieces; see work_tables."""

from __future__ import annotations

from collections.abc import Sequence

from mmembed.store.pieces import MOST_DEATHS, PARTS
from mmembed.store.postgres.connections import Session

NOW = "clock_timestamp()"
"""SQL for the present: `now()` is the beginning of a transaction, which may have waited."""
LATER = "clock_timestamp() + %s * interval '1 second'"
FREE = "(lease_until IS NULL OR lease_until < clock_timestamp())"
AWAITED = "pieces.id = ANY(SELECT unnest(awaits) FROM plans WHERE id = %s)"
CLAIM_SQL = f"""
UPDATE pieces SET worker = %s, token = %s, lease_until = {LATER}, claims = claims + 1, done = 0,
failed = 0
WHERE id = (
  SELECT id FROM pieces WHERE finished_at IS NULL AND {FREE}
  AND (%s::bigint IS NULL OR plan_id = %s OR {AWAITED})
  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, plan_id, claims, files
"""
CLAIM_ENDING_SQL = f"""
UPDATE plans SET token = %s, lease_until = {LATER}
WHERE id = (
  SELECT id FROM plans WHERE planned_at IS NOT NULL AND ended_at IS NULL AND {FREE}
  AND NOT EXISTS (SELECT 1 FROM pieces WHERE finished_at IS NULL
                  AND (plan_id = plans.id OR pieces.id = ANY(plans.awaits)))
  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, rules::text
"""
PROGRESS_SQL = f"""
SELECT coalesce(sum(files), 0), coalesce(sum(done), 0), coalesce(sum(failed), 0),
  count(DISTINCT worker) FILTER (WHERE finished_at IS NULL AND lease_until > {NOW}),
  count(*) FILTER (WHERE finished_at IS NULL),
  (SELECT count(*) FROM plans WHERE ended_at IS NULL
   AND (planned_at IS NOT NULL OR lease_until > {NOW}))
FROM pieces WHERE CASE WHEN %s::bigint IS NULL
  THEN plan_id IN (SELECT id FROM plans WHERE ended_at IS NULL)
  ELSE plan_id = %s OR {AWAITED} END
"""
RULES_SQL = """
SELECT rules::text,
  (SELECT max((rules->>'newest')::bigint) FROM plans WHERE %s::bigint = ANY(awaits))
FROM plans WHERE id = %s
"""
INTO_FILES = "piece_files (digest bytea, path text, said text, piece_id bigint)"
KEPT_DAYS = 1
"""For so long the reports of an ended plan are kept that no process asks for."""


def clean_up(session: Session) -> None:
    """Delete plans that ended long ago, and plans of dead planners that no piece is left of."""
    session.run(
        "DELETE FROM plans WHERE ended_at < "
        f"clock_timestamp() - interval '{KEPT_DAYS} day' OR (planned_at IS NULL AND lease_until < "
        f"{NOW} AND NOT EXISTS (SELECT 1 FROM pieces WHERE plan_id = plans.id "
        "AND finished_at IS NULL))"
    )


def add_piece(session: Session, plan: int, rows: Sequence[tuple[bytes, str, str]]) -> int:
    """Make a piece of files that no unfinished piece has: their digests, paths and words, sorted,
    so that two planners never wait for each other. Returns how many there are."""
    sql = "INSERT INTO pieces (plan_id, files) VALUES (%s, 0) RETURNING id"
    piece_id = int(session.rows(sql, (plan,))[0][0])
    after = "ON CONFLICT DO NOTHING RETURNING digest"
    new = {
        bytes(digest)
        for (digest,) in session.insert(INTO_FILES, [(*row, piece_id) for row in rows], after)
    }
    if new:
        session.run("UPDATE pieces SET files = %s WHERE id = %s", (len(new), piece_id))
    else:
        session.run("DELETE FROM pieces WHERE id = %s", (piece_id,))
    await_pieces(session, plan, [digest for digest, *_ in rows if digest not in new])
    return len(new)


def await_pieces(session: Session, plan: int, digests: Sequence[bytes]) -> None:
    """The plan ends after the pieces of other plans that have its files."""
    if digests:
        session.run(
            "UPDATE plans SET awaits = ARRAY(SELECT unnest(awaits) UNION SELECT piece_id "
            "FROM piece_files JOIN pieces ON pieces.id = piece_id "
            "WHERE digest = ANY(%s) AND plan_id <> %s) WHERE id = %s",
            (list(digests), plan, plan),
        )


def split_piece(session: Session, piece_id: int, plan_id: int) -> None:
    """Make several pieces of one; each may end two more workers before it is split in turn."""
    sql = "SELECT digest FROM piece_files WHERE piece_id = %s ORDER BY path"
    digests = [digest for (digest,) in session.rows(sql, (piece_id,))]
    size = max(1, -(-len(digests) // PARTS))
    parts: list[int] = []
    for start in range(0, len(digests), size):
        some = digests[start : start + size]
        sql = "INSERT INTO pieces (plan_id, files, claims) VALUES (%s, %s, %s) RETURNING id"
        parts.append(int(session.rows(sql, (plan_id, len(some), MOST_DEATHS - 2))[0][0]))
        session.run(
            "UPDATE piece_files SET piece_id = %s WHERE digest = ANY(%s)", (parts[-1], some)
        )
    session.run(
        "UPDATE plans SET awaits = array_remove(awaits, %s::bigint) || %s::bigint[] "
        "WHERE %s = ANY(awaits)",
        (piece_id, parts, piece_id),
    )
    session.run("DELETE FROM pieces WHERE id = %s", (piece_id,))

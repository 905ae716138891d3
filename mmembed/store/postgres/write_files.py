"""Changing what indexing remembers of files, and the indexes of manifests' fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from mmembed.errors import LimitError, NotFound
from mmembed.filters.fields import META
from mmembed.store.entries import KeptOut, Mark, storable
from mmembed.store.postgres.fields import MAX_INDEXES, StoredFields
from mmembed.store.postgres.filter_sql import meta_index_columns
from mmembed.store.postgres.word_rows import write_words
from mmembed.store.postgres.write_images import date_of, mark_files, set_paths
from mmembed.types import HeaderFacts

KEEP_OUT_SQL = """
INSERT INTO kept_out VALUES (%s, %s, coalesce(%s::bigint, (
  SELECT device FROM items JOIN file_marks ON item_id = id WHERE path = %s LIMIT 1)))
ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, device = excluded.device
"""
HEADER_SQL = """
UPDATE items SET taken = %s, taken_offset = %s, camera = %s, lens = %s, latitude = %s,
longitude = %s, date = %s, header_read = %s WHERE id = %s
"""


class FileWriter(StoredFields):
    """Changes of files' facts and of fields; see Files and Fields."""

    # -- files -----------------------------------------------------------------------

    def move(self, moves: Sequence[tuple[int, str, int, Mark]]) -> None:
        """See Files.move. Raises Unstorable for a path at which another image lies."""
        with self._changing() as session:
            sql = "SELECT id, taken FROM items WHERE id = ANY(%s)"
            taken = dict(session.rows(sql, ([item_id for item_id, *_ in moves],)))
            here = [move for move in moves if move[0] in taken]
            session.many(
                "UPDATE items SET mtime_ns = %s, date = %s WHERE id = %s",
                [
                    (storable(mtime_ns), date_of(taken[item_id], mtime_ns), item_id)
                    for item_id, _, mtime_ns, _ in here
                ],
            )
            mark_files(session, [(item_id, mark) for item_id, _, _, mark in here])
            set_paths(session, {item_id: path for item_id, path, *_ in here})
            paths = [path for _, path, *_ in moves]
            session.run("DELETE FROM failures WHERE path = ANY(%s)", (paths,))
            write_words(session)

    def mark_files(self, marks: Sequence[tuple[int, Mark]]) -> None:
        """See Files.mark_files."""
        with self._changing() as session:
            sql = "SELECT id FROM items WHERE id = ANY(%s)"
            known = {row[0] for row in session.rows(sql, ([item_id for item_id, _ in marks],))}
            mark_files(session, [one for one in marks if one[0] in known])

    def note_headers(self, headers: Mapping[int, HeaderFacts], version: int) -> None:
        """See Files.note_headers."""
        with self._changing() as session:
            sql = "SELECT id, mtime_ns FROM items WHERE id = ANY(%s) AND kind = 'image'"
            rows = session.rows(sql, (list(headers),))
            session.many(
                HEADER_SQL,
                [
                    (
                        *asdict(headers[item_id]).values(),
                        date_of(headers[item_id].taken, mtime_ns or 0),
                        version,
                        item_id,
                    )
                    for item_id, mtime_ns in rows
                ],
            )
            write_words(session)

    def forget_places(self) -> None:
        """See Files.forget_places."""
        some = "SELECT EXISTS (SELECT 1 FROM items WHERE latitude IS NOT NULL)"
        if self._number(some):
            with self._changing() as session:
                session.run(
                    "UPDATE items SET latitude = NULL, longitude = NULL WHERE latitude IS NOT NULL"
                )
                write_words(session)

    def forget_failures(self, gone: Callable[[str], bool]) -> None:
        """See Files.forget_failures."""
        paths = [failure.name for failure in self.failures() if gone(failure.name)]
        if paths:
            with self._changing() as session:
                session.run("DELETE FROM failures WHERE path = ANY(%s)", (paths,))

    def keep_out(self, paths: Mapping[str, KeptOut]) -> None:
        """See Files.keep_out."""
        with self._changing() as session:
            rows = [(path, sha256, device, path) for path, (sha256, device) in paths.items()]
            session.many(KEEP_OUT_SQL, rows)

    def let_in(self, paths: Sequence[str]) -> None:
        """See Files.let_in."""
        with self._changing() as session:
            session.run("DELETE FROM kept_out WHERE path = ANY(%s)", (list(paths),))

    # -- fields ----------------------------------------------------------------------

    def index_field(self, name: str) -> None:
        """See Fields.index_field. Raises LimitError."""
        columns = meta_index_columns(name)
        with self._changing() as session:
            numbers = dict(session.rows("SELECT name, number FROM field_indexes"))
            if name in numbers:
                return
            if len(numbers) >= MAX_INDEXES:
                raise LimitError(
                    f"{META}{name}: {len(numbers)} fields have an index, limit {MAX_INDEXES}; "
                    "drop one"
                )
            free = min(set(range(1, MAX_INDEXES + 1)) - set(numbers.values()))
            session.run("INSERT INTO field_indexes VALUES (%s, %s)", (name, free))
            session.script(f"CREATE INDEX items_meta_{free} ON items ({columns})")

    def drop_field_index(self, name: str) -> None:
        """See Fields.drop_field_index. Raises NotFound."""
        with self._changing() as session:
            sql = "DELETE FROM field_indexes WHERE name = %s RETURNING number"
            rows = session.rows(sql, (name,))
            if not rows:
                raise NotFound(f"{META}{name}: the field has no index")
            session.run(f"DROP INDEX items_meta_{int(rows[0][0])}")

"""The stems of English words, by the Porter stemmer of SQLite: the same that FTS5 indexes.

Words of other languages mostly stay as they are; where they are cut, both sides are cut alike.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable

MOST_KEPT = 200_000
"""Words whose stems are kept in memory: some 20 MB."""
TOKENIZER = "porter ascii"
"""The words are folded already, and every other sign than ASCII belongs to a word."""


class Stemmer:
    """Stems of words. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, str] = {}
        self._db: sqlite3.Connection | None = None

    def stems(self, words: Iterable[str]) -> dict[str, str]:
        """The stem of each word of `tokens`, by word."""
        wanted = set(words)
        known = self._known
        lacking = sorted(word for word in wanted if word not in known)
        if not lacking:
            return {word: known[word] for word in wanted}
        new = self._new(lacking)
        found = {word: new.get(word) or known[word] for word in wanted}
        if len(known) > MOST_KEPT:
            self._known = new
        else:
            known.update(new)
        return found

    def _new(self, words: list[str]) -> dict[str, str]:
        """By their places in one document."""
        with self._lock:
            db = self._db or self._opened()
            db.execute("INSERT INTO texts VALUES (?)", (" ".join(words),))
            rows = db.execute("SELECT term FROM stems ORDER BY offset").fetchall()
            db.execute("DELETE FROM texts")
        return dict(zip(words, (str(row[0]) for row in rows), strict=True))

    def _opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        db.execute(f"CREATE VIRTUAL TABLE texts USING fts5 (words, tokenize = '{TOKENIZER}')")
        db.execute("CREATE VIRTUAL TABLE stems USING fts5vocab (texts, instance)")
        self._db = db
        return db


stemmer = Stemmer()
"""The process's own."""

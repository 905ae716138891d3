"""SQLite: the truth of a collection. Owns sqlite3.

lock_files, file_identity, wal_file → wal_stamp → open_catalog → reader_pool, background_check
    → connections → vector_queries → queries
schema, rows → captions_and_tags, write_vectors → write_rows → transactions → catalog
"""

from mmembed.store.sqlite.catalog import Catalog
from mmembed.store.sqlite.open_catalog import refuse_what_is_lost
from mmembed.store.sqlite.restore import restore

__all__ = ["Catalog", "refuse_what_is_lost", "restore"]

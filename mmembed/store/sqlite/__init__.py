"""SQLite: the truth of a collection. Owns sqlite3.

lock, place, log_file → history → opening → readers, checking → connections → reading
schema, rows → captions_and_tags, vector_queries, write_vectors → write_rows → queries →
transactions → catalog
"""

from mmembed.store.sqlite.captions_and_tags import BY_HAND, Reading, Said, Words, same
from mmembed.store.sqlite.catalog import Catalog
from mmembed.store.sqlite.lock_files import WRITE_WAIT_S, exclusive
from mmembed.store.sqlite.queries import Known
from mmembed.store.sqlite.restore import restore
from mmembed.store.sqlite.rows import signed, storable
from mmembed.store.sqlite.schema import FILE_NAME
from mmembed.store.sqlite.troubles import Trouble
from mmembed.store.sqlite.vector_queries import Model
from mmembed.store.sqlite.write_rows import CaptionEntry, ImageEntry, KeptOut, Mark

__all__ = [
    "BY_HAND",
    "FILE_NAME",
    "WRITE_WAIT_S",
    "CaptionEntry",
    "Catalog",
    "ImageEntry",
    "KeptOut",
    "Known",
    "Mark",
    "Model",
    "Reading",
    "Said",
    "Trouble",
    "Words",
    "exclusive",
    "restore",
    "same",
    "signed",
    "storable",
]

"""SQLite: the truth of a collection. Owns sqlite3.

lock → schema, rows → reading, entries → writing
"""

from mmembed.catalog.entries import CaptionEntry, ImageEntry
from mmembed.catalog.lock import WRITE_WAIT_S, exclusive
from mmembed.catalog.reading import Known, Model
from mmembed.catalog.schema import FILE_NAME
from mmembed.catalog.writing import Catalog

__all__ = [
    "FILE_NAME",
    "WRITE_WAIT_S",
    "CaptionEntry",
    "Catalog",
    "ImageEntry",
    "Known",
    "Model",
    "exclusive",
]

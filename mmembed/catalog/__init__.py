"""SQLite: the truth of a collection. Owns sqlite3.

lock, place, log_file → history → opening → readers, checking → reading, entries → writing
"""

from mmembed.catalog.condition import Trouble
from mmembed.catalog.entries import CaptionEntry, ImageEntry
from mmembed.catalog.lock import exclusive
from mmembed.catalog.reading import Known, Model
from mmembed.catalog.restoring import restore
from mmembed.catalog.schema import FILE_NAME
from mmembed.catalog.writing import Catalog

__all__ = [
    "FILE_NAME",
    "CaptionEntry",
    "Catalog",
    "ImageEntry",
    "Known",
    "Model",
    "Trouble",
    "exclusive",
    "restore",
]

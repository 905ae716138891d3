"""SQLite: the truth of a collection. Owns sqlite3.

lock, place, log_file → history → opening → readers, checking → connections → reading
additions, schema, rows → words → entries → reading → transactions → writing
"""

from mmembed.catalog.condition import Trouble
from mmembed.catalog.entries import CaptionEntry, ImageEntry, KeptOut, Mark
from mmembed.catalog.lock import WRITE_WAIT_S, exclusive
from mmembed.catalog.reading import Known, Model
from mmembed.catalog.restoring import restore
from mmembed.catalog.rows import signed, storable
from mmembed.catalog.schema import FILE_NAME
from mmembed.catalog.words import BY_HAND, Reading, Said, Words, same
from mmembed.catalog.writing import Catalog

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

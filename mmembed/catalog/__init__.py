"""SQLite: the truth of a collection. Owns sqlite3.

schema → reading, lock → writing
"""

from mmembed.catalog.lock import exclusive
from mmembed.catalog.reading import Known, Model
from mmembed.catalog.writing import CaptionEntry, Catalog, ImageEntry

__all__ = [
    "CaptionEntry",
    "Catalog",
    "ImageEntry",
    "Known",
    "Model",
    "exclusive",
]

"""SQLite: the truth of a collection. Owns sqlite3.

schema → reading, lock → writing
"""

from mmembed.catalog.lock import exclusive
from mmembed.catalog.reading import EVERYTHING, Filter, Known, Model
from mmembed.catalog.writing import CaptionEntry, Catalog, ImageEntry

__all__ = [
    "EVERYTHING",
    "CaptionEntry",
    "Catalog",
    "Filter",
    "ImageEntry",
    "Known",
    "Model",
    "exclusive",
]

"""Tells the folders in which a collection keeps its own pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from mmembed.config.settings import FOLDER_MARKS

OWN_PARTS = frozenset({"thumbnails", "originals"})
"""Folders of a collection that hold pictures in folders of two hexadecimal digits."""
_TWO_DIGITS = re.compile("[0-9a-f]{2}")


def is_own_part(folder: str, roots: Sequence[str]) -> bool:
    """Whether a folder holds thumbnails or uploads of a collection: these are no new pictures.
    Uploads are, if they are named because a restored catalog lacks them."""
    above, name = os.path.split(folder)
    home, kind = os.path.split(above)
    if kind not in OWN_PARTS or (kind == "originals" and above in roots):
        return False
    marks = (os.path.join(home, mark) for mark in FOLDER_MARKS)
    return bool(_TWO_DIGITS.fullmatch(name)) and any(map(os.path.exists, marks))

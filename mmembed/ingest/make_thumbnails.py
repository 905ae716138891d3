"""Makes thumbnails of pictures that were decoded for the model anyway."""

from __future__ import annotations

import logging

from mmembed.media.decode import THUMBNAIL_SIZE, thumbnail
from mmembed.store.blob_protocol import Blobs
from mmembed.types import Picture

log = logging.getLogger(__name__)


def keep_thumbnail(blobs: Blobs, sha256: str, picture: Picture) -> None:
    """Put the small thumbnail of a content into the store's cache, if it is not there.

    A picture that was shrunk below a thumbnail's size is skipped, and a failure is no error. The
    thumbnail is then made at its first request.
    """
    left, top, right, bottom = picture.box
    if max(right - left, bottom - top) >= min(THUMBNAIL_SIZE, max(picture.width, picture.height)):
        try:
            if not blobs.has_thumbnail(sha256, THUMBNAIL_SIZE):
                small = thumbnail(picture.image, box=picture.box)
                blobs.keep_thumbnail(sha256, THUMBNAIL_SIZE, small)
        except Exception as error:  # the picture is in the collection all the same
            log.warning("%s: no thumbnail was made: %s", picture.name, error)

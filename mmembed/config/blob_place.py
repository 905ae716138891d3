"""Where the uploads and thumbnails of a collection in a database lie: a folder, or an address."""

from __future__ import annotations

from urllib.parse import urlsplit

from mmembed.errors import InputError
from mmembed.places import is_address

_VARIABLE = "MMEMBED_BLOBS"


def check_blob_place(place: str, store: str) -> None:
    """place: `s3://bucket/prefix`, or the path of a folder. store: the database's address; empty
    for a collection in a folder. Raises InputError, which never shows a password."""
    if not store:
        raise InputError(
            f"{_VARIABLE}: the collection lies in a folder, and its uploads lie there, too; unset "
            f"{_VARIABLE}, or name a database in MMEMBED_STORE",
            param="blobs",
        )
    if not is_address(place):
        return
    try:
        parts = urlsplit(place)
    except ValueError:
        raise InputError(f"{_VARIABLE}: it is no address", param="blobs") from None
    if parts.password or "@" in parts.netloc:
        raise InputError(
            f"{_VARIABLE}: holds a user or a password; give them to the object store's library, "
            "for S3 as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            param="blobs",
        )
    if parts.scheme == "file" or "::" in place or not parts.netloc or parts.query:
        raise InputError(
            f"{_VARIABLE}={place}: expected the path of a folder, or s3://bucket/prefix",
            param="blobs",
        )

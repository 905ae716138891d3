"""The protocols for items, and for the facts about their files.

The rules of `store.protocol` hold here, too: a change is durable when its method returns, and a
method that raises has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.store.entries import (
    CaptionEntry,
    FieldFacts,
    ImageEntry,
    ImageFile,
    KeptOut,
    Known,
    Mark,
    Reading,
    Words,
)
from mmembed.types import Failure, HeaderFacts, Item, Kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Items(Protocol):
    """Reading items: images and captions."""

    def count(self, kind: Kind | None = None, where: Where = EVERYTHING) -> int:
        """The number of items that pass, of one kind or of all."""

    def item(self, item_id: int) -> Item:
        """One item with all its captions. Raises NotFound."""

    def items(self, item_ids: Sequence[int], where: Where = EVERYTHING) -> list[Item]:
        """The items that are still there and pass, in the given order."""

    def described(self, image_ids: Sequence[int]) -> tuple[set[int], set[int]]:
        """Which of these images have a caption, and which have a tag."""

    def page(
        self, *, after: int, limit: int, kind: Kind | None, where: Where = EVERYTHING
    ) -> list[Item]:
        """Up to `limit` items that pass, with an id above `after`, by rising id."""

    def item_ids(self, kind: Kind, where: Where = EVERYTHING) -> NDArray[np.int64]:
        """The ids of all items of a kind that pass, (n,), rising."""

    def newest_item(self) -> int:
        """The largest id of an item; 0 if there is none."""

    def content(self, kind: Kind, sha256: str) -> Item | None:
        """Some item with this content, which therefore has a vector already; or None."""

    def contents_among(self, contents: Sequence[str]) -> set[str]:
        """The given sha256 that an image has."""

    def images_at(self, paths: Sequence[str]) -> dict[str, ImageFile]:
        """The images at these paths, by path; paths without one are left out."""

    def images_of(self, sha256: str) -> list[ImageFile]:
        """The images with this content, by rising id."""

    def images_below(self, path: str) -> list[ImageFile]:
        """The images below a folder, and the image at that very path, by rising id."""

    def captions_of(self, image_ids: Sequence[int]) -> dict[int, list[str]]:
        """The captions of images by image id, in the order of entry; images without any are left
        out."""

    def caption_items_of(self, image_ids: Sequence[int]) -> dict[int, list[Item]]:
        """The captions of images as items, by image id, in the order of entry; images without any
        are left out."""

    def words_of(self, image_ids: Sequence[int]) -> dict[int, Words]:
        """Captions and tags of images, by id, each with the sources that say it; without the tags
        that label sets alone gave."""

    def described_by_files(self) -> set[int]:
        """Ids of the images with a caption, tag or further field from a file."""

    def tags(self) -> dict[str, int]:
        """Every tag with the number of items that carry it, by tag."""


class Fields(Protocol):
    """The fields by which items can be filtered."""

    def fields(self) -> list[FieldFacts]:
        """Every field with the number of items that have a value: first the built-in fields, then
        the manifests' by name."""

    def index_field(self, name: str) -> None:
        """Index a field of manifests, named without `meta.`: conditions on it then need not read
        every item. An index that is there stays. Raises LimitError for one too many."""

    def drop_field_index(self, name: str) -> None:
        """Drop the index of a field of manifests. Raises NotFound where it has none."""


class ItemWriter(Protocol):
    """Changing items. Each call is one transaction."""

    def write(self, entries: Sequence[ImageEntry], failures: Sequence[Failure] = ()) -> list[int]:
        """Add images, or replace the items at their paths; returns their ids.

        An upload replaces the upload with its content, though the store was elsewhere then.
        Captions and tags that were set by hand are added to those of a replaced item. Failures of
        the same batch are stored; a path that succeeds loses its old failure. Raises Unstorable for
        a vector that is not finite, is zero or has another length than the model's.
        Also for an entry without a vector whose content has none.
        """

    def write_caption(self, entry: CaptionEntry, tags: Sequence[str] = ()) -> int:
        """Add a caption that belongs to no image; the same text keeps its id. Raises Unstorable."""

    def write_captions(self, captions: Sequence[tuple[CaptionEntry, Sequence[str]]]) -> list[int]:
        """`write_caption` for many, each with its tags: all are written, or none. Returns their
        ids. Raises Unstorable."""

    def update(
        self,
        item_id: int,
        *,
        captions: Sequence[CaptionEntry] | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        """Make these an image's captions and an item's tags, by hand; None leaves what is there.
        Captions that stay keep their ids; automatic tags that are not listed go. Raises NotFound,
        Unstorable."""

    def describe(self, described: Sequence[tuple[int, Reading, Sequence[CaptionEntry]]]) -> None:
        """Update the captions and tags of images from their files; new captions need entries. Texts
        that were set by hand stay. An image that is gone is skipped."""

    def remove(self, item_ids: Sequence[int]) -> int:
        """Remove items, with the captions of removed images; returns how many were there. A full
        disk does not hinder it."""


class Files(Protocol):
    """Facts about files that indexing stores besides their items."""

    def known_files(self) -> dict[str, Known]:
        """Every indexed image file by path; uploads are not among them."""

    def known_among(self, paths: Sequence[str]) -> dict[str, Known]:
        """The indexed image files among these paths, as in `known_files`."""

    def move(self, moves: Sequence[tuple[int, str, int, Mark]]) -> None:
        """Set the path, the modification time in nanoseconds and the mark of images, by id; the
        content stays."""

    def mark_files(self, marks: Sequence[tuple[int, Mark]]) -> None:
        """Set the marks of images' files, by id."""

    def headers_to_read(self, version: int, *, after: int, limit: int) -> list[ImageFile]:
        """Up to `limit` images with an id above `after`, by rising id, whose `header_read` is not
        this version."""

    def note_headers(self, headers: Mapping[int, HeaderFacts], version: int) -> None:
        """Write the facts in the headers of images' files, by id, and the version of the reader.
        Images that are gone are passed over."""

    def forget_places(self) -> None:
        """Erase the latitude and longitude of every item."""

    def failures(self) -> list[Failure]:
        """The failures of the last indexing of each path, by path."""

    def forget_failures(self, gone: Callable[[str], bool]) -> None:
        """Delete the failures of paths for which `gone` is true."""

    def kept_out(self) -> dict[str, KeptOut]:
        """Files and folders that stay out of the collection, by path."""

    def keep_out(self, paths: Mapping[str, KeptOut]) -> None:
        """Have later indexings skip files and folders, by path."""

    def let_in(self, paths: Sequence[str]) -> None:
        """Let later indexings take these files and folders again."""

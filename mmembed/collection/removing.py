"""Takes pictures out of the collection, and has them stay out."""

from __future__ import annotations

from collections.abc import Sequence

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.ingest import IgnoredContent, Removed, Removing, ignored
from mmembed.places import Place
from mmembed.store.entries import ImageFile, KeptOut
from mmembed.store.protocol import Store


class Removals:
    """The part of a collection that takes pictures out, and remembers which ones stay out."""

    store: Store

    def keep_out(self, item_id: int) -> None:
        """Have later indexings skip the file of an item that is about to be removed; an upload or a
        caption has none. Raises NotFound."""
        item = self.store.item(item_id)
        if item.kind != "image" or item.path is None:
            return
        if not self.store.blobs.is_upload(item.path, item.sha256):
            self.store.keep_out({item.path: KeptOut(item.sha256)})

    def ignore(self, item_id: int) -> None:
        """Have later indexings pass over the content of an image that is about to be removed, under
        whatever name; indexed copies leave now. A caption has none. Raises NotFound."""
        item = self.store.item(item_id)
        if item.kind == "image":
            image = ImageFile(item.id, item.path or "", item.sha256)
            Removing(self.store).content_of(image)

    def remove_path(
        self,
        path: Place,
        *,
        where: Where = EVERYTHING,
        keep_out: bool = False,
        ignore: bool = False,
        dry_run: bool = False,
    ) -> Removed:
        """Take a file, or everything below a folder, out of the collection, even if it is gone.
        Files are never touched, and uploads stay.

        where: only pictures that pass. keep_out: later indexings skip the path. ignore: the
        contents stay out under whatever name, and copies elsewhere leave, too. dry_run: only count
        them. Raises StoreBusy beside an indexing.
        """
        removing = Removing(self.store, keep_out, ignore, dry_run)
        with self.store.exclusive("indexing"):
            return removing.below(path, where)

    def remove_where(
        self, where: Where, *, keep_out: bool = False, ignore: bool = False, dry_run: bool = False
    ) -> Removed:
        """Take the pictures that pass a filter out of the collection; see `remove_path`."""
        removing = Removing(self.store, keep_out, ignore, dry_run)
        with self.store.exclusive("indexing"):
            return removing.where(where)

    def ignored(self) -> list[IgnoredContent]:
        """The contents that stay out, by rising sha256."""
        return ignored.listed(self.store)

    def stop_ignoring(self, names: Sequence[Place]) -> list[int]:
        """Let contents in again, from the next indexing on. names: paths at or below which they
        were met, or the first 8 digits or more of their sha256. Returns how many each name
        meant."""
        contents = self.ignored()
        found = [ignored.named(contents, name) for name in names]
        ignored.let_in(self.store, [sha256 for some in found for sha256 in some])
        return [len(some) for some in found]

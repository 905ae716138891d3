"""Removes pictures from the collection by path, even if their folder is gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mmembed.filters.tree import EVERYTHING, Where
from mmembed.ingest import ignored
from mmembed.ingest.presence import may_be_there
from mmembed.ingest.scan_result import ancestors
from mmembed.places import Place, absolute
from mmembed.sources.entries import FileStat
from mmembed.store.entries import ImageFile, KeptOut
from mmembed.store.protocol import Store

AT_ONCE = 1000
"""Images in one transaction."""
NO_MARK = (0, 0, 0)
"""Of a file whose mark was not noted: it is read once more."""


@dataclass(frozen=True)
class Removed:
    """The removed images, or the ones that would be removed."""

    images: int
    captions: int
    """Captions of those images."""
    uploads: int
    """Images that stay: their only file is in the data folder."""
    copies: int = 0
    """Among the removed images, those elsewhere that have an ignored content."""


@dataclass(frozen=True)
class Removing:
    """Takes images out of the collection; files are never touched."""

    store: Store
    keep_out: bool = False
    """Whether later indexings skip the paths."""
    ignore: bool = False
    """Whether the contents stay out under whatever name; their copies leave, too."""
    dry_run: bool = False

    def below(self, path: Place, where: Where = EVERYTHING) -> Removed:
        """Take out a file, or all below a folder, as far as it passes a filter."""
        wanted = absolute(path)
        images = self.store.images_below(wanted)
        if where != EVERYTHING:
            return self._take_out(self._passing([image.item_id for image in images], where))
        done = self._take_out(images, kept_out=wanted)
        if not self.dry_run:
            self.store.forget_failures(lambda name: wanted in ancestors(name))
        return done

    def where(self, where: Where) -> Removed:
        """Take out all images that pass a filter."""
        return self._take_out(self._passing(self.store.item_ids("image", where).tolist(), where))

    def content_of(self, image: ImageFile) -> None:
        """Have the content of an image stay out, and take out the other images that have it."""
        copies = self._copies([image])
        self._ignore([image, *copies])
        self._take_out(copies)

    def _passing(self, ids: Sequence[int], where: Where) -> list[ImageFile]:
        return [
            ImageFile(item.id, item.path, item.sha256)
            for start in range(0, len(ids), AT_ONCE)
            for item in self.store.items(ids[start : start + AT_ONCE], where)
            if item.path is not None
        ]

    def _take_out(self, images: Sequence[ImageFile], kept_out: str | None = None) -> Removed:
        """kept_out: the path to keep out as a whole, in place of each file's."""
        going = self._own_files(images)
        copies = self._copies(going) if self.ignore else []
        ids = [image.item_id for image in (*going, *copies)]
        captions = sum(map(len, self.store.captions_of(ids).values()))
        done = Removed(len(ids), captions, len(images) - len(going), len(copies))
        if self.dry_run:
            return done
        # Kept out first: an indexing between the two steps must not bring them back.
        if self.ignore:
            self._ignore([*going, *copies])
        if self.keep_out:
            self.store.keep_out(_kept_out(going, kept_out))
        for start in range(0, len(ids), AT_ONCE):
            self.store.remove(ids[start : start + AT_ONCE])
        return done

    def _own_files(self, images: Sequence[ImageFile]) -> list[ImageFile]:
        is_upload = self.store.blobs.is_upload
        return [image for image in images if not is_upload(image.path, image.sha256)]

    def _copies(self, going: Sequence[ImageFile]) -> list[ImageFile]:
        """Images elsewhere with the same contents."""
        ids = {image.item_id for image in going}
        contents = dict.fromkeys(image.sha256 for image in going)
        same = [image for sha256 in contents for image in self.store.images_of(sha256)]
        return self._own_files([image for image in same if image.item_id not in ids])

    def _ignore(self, images: Sequence[ImageFile]) -> None:
        known = self.store.known_among([image.path for image in images])
        files: dict[str, dict[str, FileStat]] = {image.sha256: {} for image in images}
        for path, one in known.items():
            files[one.sha256][path] = FileStat(one.bytes, one.mtime_ns, one.mark or NO_MARK)
        ignored.add(self.store, files)


def _kept_out(images: Sequence[ImageFile], whole: str | None) -> dict[str, KeptOut]:
    if whole is None:
        return {image.path: KeptOut(image.sha256) for image in images}
    sha256 = next((image.sha256 for image in images if image.path == whole), None)
    return {whole: KeptOut(sha256)}


def moved_away(kept_out: Mapping[str, KeptOut]) -> dict[str, str]:
    """Paths by content of files that are kept out and no longer at any of these paths."""
    still = {kept.sha256 for path, kept in kept_out.items() if may_be_there(path, kept.device)}
    return {
        one.sha256: path
        for path, one in kept_out.items()
        if one.sha256 is not None and one.sha256 not in still
    }


def those_below(kept_out: Iterable[str], paths: Sequence[Place]) -> list[str]:
    """The kept-out paths that lie below these folders, equal one of them, or contain one."""
    roots = [absolute(path) for path in paths]
    return [
        one
        for one in kept_out
        if any(root in ancestors(one) or one in ancestors(root) for root in roots)
    ]

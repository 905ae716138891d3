"""The one composition of all stages: a request is one call into a Collection."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from mmembed import originals, thumbnails
from mmembed.catalog import Catalog, ImageEntry
from mmembed.classifier import Classified, Classifier
from mmembed.config import PREFIX, Settings
from mmembed.decode import decode, image_facts, media_type, read_file, thumbnail
from mmembed.embedder import Embedder, ImageInput, Load
from mmembed.errors import ImageError, NotFound, QueryError
from mmembed.fetch import Fetcher
from mmembed.ingest import Pipeline, Progress, Report, make_plan, scan
from mmembed.paging import Cursor, page_of_items
from mmembed.query import query_embedding
from mmembed.types import EVERYTHING, Filter, Hit, ImageFacts, Item, Kind, SearchPage, Term
from mmembed.views import Views

__all__ = ["Classified", "Collection", "Embedder", "ImageFacts", "ImageInput", "SearchPage"]

BUNDLED_NOTICE = (
    "The small built-in model answers: quick, but often wrong; a full CLIP model finds far more."
)


class Collection:
    """Images and captions in one data folder, and the model that embeds them.

    Methods may be called from any thread. The model is loaded at first need.
    """

    def __init__(self, settings: Settings, load: Load | None = None) -> None:
        threads = settings.decode_threads or os.cpu_count() or 1
        self.settings = settings
        self.catalog = Catalog(settings.data)
        self.embedder = Embedder(settings, self.catalog, threads, load)
        self.classifier = Classifier(self.embedder)
        self._fetcher = Fetcher(
            max_bytes=self.embedder.limits.max_bytes, allow=settings.fetch_allow
        )
        self._views = Views(self.catalog, exact_limit=settings.exact_limit)
        self._pipeline = Pipeline(
            catalog=self.catalog,
            load=self.embedder.claimed,
            limits=self.embedder.limits,
            batch=settings.batch,
            threads=threads,
        )

    def __enter__(self) -> Collection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let waiting requests finish, and close the model and the catalog."""
        self._fetcher.close()
        self.embedder.close()
        self.catalog.close()

    @property
    def model_name(self) -> str:
        """The id of the model that answers."""
        return self.embedder.choice.name

    @property
    def models(self) -> tuple[str, ...]:
        """The ids of all models that are served, that of the collection first."""
        return (self.model_name,)

    def embedder_for(self, model: str | None) -> Embedder:
        """The model that a request names; None, "", "default" and the owner's aliases stand for
        the collection's. Raises NotFound, which lists those that are served."""
        if model in (None, "", "default", *self.settings.aliases, *self.models):
            return self.embedder
        served = " or ".join(map(repr, (*self.models, "default")))
        raise NotFound(f"model {model!r} is not served here; use {served}", param="model")

    @property
    def notice(self) -> str | None:
        """What a user should know of the model that answers, if anything."""
        return BUNDLED_NOTICE if self.model_name == "bundled" else None

    def describe(self) -> dict[str, object]:
        """What the collection is and holds, for people and monitors."""
        return {
            "model": self.model_name,
            "engine": self.embedder.encoder.engine,
            "dim": self.embedder.encoder.dim,
            "items": self.catalog.count(),
            "images": self.catalog.count("image"),
            "captions": self.catalog.count("caption"),
            "notice": self.notice,
            "collection": self.catalog.identity,
        }

    # -- indexing --------------------------------------------------------------------

    def index(
        self, paths: Sequence[Path], *, manifests: Sequence[Path] = (), progress: Progress
    ) -> Report:
        """Bring the collection up to these folders and files, and publish the views.

        One indexing at a time: raises StoreBusy beside another. Raises InputError for paths
        that do not exist, ManifestError for manifests that were asked for and cannot be read.
        """
        with self.catalog.indexing_lock():
            found = scan(paths)
            known = self.catalog.known_files()
            plan = make_plan(found, known, manifests)
            report = self._pipeline.run(plan, known, progress)
            self._views.publish()
        report.hidden, report.linked, report.other = found.hidden, found.linked, found.other
        return report

    def rebuild(self) -> None:
        """Build the views anew from the catalog."""
        self._views.rebuild()

    def publish(self) -> None:
        """Save the views, so that the next start need not follow what this one did."""
        self._views.publish()

    # -- items -----------------------------------------------------------------------

    def add_image(
        self, data: bytes, *, name: str, captions: Sequence[str] = (), tags: Sequence[str] = ()
    ) -> Item:
        """Keep an uploaded image in the data folder and index it; the same bytes keep their
        id. Raises ImageError."""
        encoder = self.embedder.claimed()
        picture = decode(data, name=name, limits=self.embedder.limits, side=encoder.decode_side)
        embedding = self.embedder.picture(picture)
        described = tuple(self._pipeline.embed_captions(captions))
        sha256 = hashlib.sha256(data).hexdigest()
        suffix = "." + media_type(picture.format).rpartition("/")[2]
        path = originals.keep(self.catalog.folder, sha256, suffix, data)
        entry = ImageEntry(
            path=str(path),
            sha256=sha256,
            embedding=embedding,
            width=picture.width,
            height=picture.height,
            bytes=len(data),
            format=picture.format,
            mtime_ns=path.stat().st_mtime_ns,
            captions=described,
            tags=tuple(tags),
        )
        return self.catalog.item(self.catalog.write([entry])[0])

    def add_caption(self, text: str, *, tags: Sequence[str] = ()) -> Item:
        """Index a caption that belongs to no image; the same text keeps its id."""
        [entry] = self._pipeline.embed_captions([text])
        return self.catalog.item(self.catalog.write_caption(entry, tags))

    def update(
        self,
        item_id: int,
        *,
        tags: Sequence[str] | None = None,
        captions: Sequence[str] | None = None,
    ) -> Item:
        """Replace an item's tags, or an image's captions. Raises NotFound, QueryError."""
        item = self.catalog.item(item_id)
        if captions is not None:
            if item.kind != "image":
                raise QueryError(f"item {item_id}: only an image has captions")
            self.catalog.set_captions(item_id, self._pipeline.embed_captions(captions))
        if tags is not None:
            self.catalog.set_tags(item_id, tags)
        return self.catalog.item(item_id)

    def remove(self, item_id: int) -> None:
        """Remove an item; of files, only an upload is deleted. Raises NotFound."""
        item = self.catalog.item(item_id)
        self.catalog.remove([item_id])
        if item.kind == "image":
            originals.discard(self.catalog.folder, item.path)

    def original(self, item_id: int) -> tuple[Path, str]:
        """The file of an image and its media type. Raises NotFound."""
        return self._original(self.catalog.item(item_id))

    def _original(self, item: Item) -> tuple[Path, str]:
        if item.kind != "image" or item.path is None or item.format is None:
            raise NotFound(f"item {item.id}: is not an image")
        path = Path(item.path)
        if not path.is_file():
            raise NotFound(f"item {item.id}: its file is no longer there; index its folder again")
        if not os.access(path, os.R_OK):
            raise NotFound(f"item {item.id}: its file may not be read; change its permissions")
        return path, media_type(item.format)

    def thumbnail(self, item_id: int, size: int) -> tuple[bytes, Item]:
        """A WebP picture of an image, at most `size` pixels on its longer side, and the image.
        Raises NotFound, ImageError."""
        item = self.catalog.item(item_id)
        path, _ = self._original(item)
        content = thumbnails.cached(
            self.catalog.folder / "thumbnails",
            item.sha256,
            size,
            lambda: thumbnail(decode(path, limits=self.embedder.limits, side=size).image, size),
        )
        return content, item

    # -- search ----------------------------------------------------------------------

    def search(
        self,
        terms: Sequence[Term],
        *,
        k: int = 20,
        kind: Kind = "image",
        cursor: str | None = None,
        chosen: Filter = EVERYTHING,
    ) -> SearchPage:
        """The k items of a kind that are nearest to the query, after an earlier page's
        cursor. Raises QueryError, ImageError, NotFound."""
        after = Cursor.decode(cursor) if cursor else None
        query = query_embedding(
            terms,
            embed_texts=lambda texts: self.embedder.encoder.embed_texts(texts),
            embed_image=lambda data: self.embedder.image(ImageInput("the query image", data)),
            embedding_of=self.embedder.item,
        )
        notes = self._notes(terms)
        self.embedder.check_folder()
        view = self._views.view(kind)
        if view is None:
            return SearchPage((), None, notes)
        among = self.catalog.vectors_matching(kind, chosen) if chosen else None
        found, rest = page_of_items(
            lambda count: view.nearest(query, count, among),
            lambda ids: self.catalog.items_of_vectors(ids, chosen),
            k=k,
            after=after,
        )
        background = view.background(query)
        hits = tuple(Hit(item, score, background.relevance(score)) for item, score in found)
        return SearchPage(hits, rest.encode() if rest else None, notes)

    def _notes(self, terms: Sequence[Term]) -> tuple[str, ...]:
        texts = [term.text for term in terms if term.text is not None]
        windows = [self.embedder.encoder.count_windows(text) for text in texts]
        return tuple(
            f"The text is longer than the {self.embedder.encoder.context_length} tokens that the "
            f"model reads at once: the answer averages its {count} parts."
            for count in windows
            if count > 1
        )

    def image_facts(self, data: bytes) -> ImageFacts:
        """What the header of an image file says that was embedded before."""
        return image_facts(data)

    def fetch_image(self, url: str, name: str) -> bytes:
        """The bytes at an address, where fetching is allowed. Raises ImageError."""
        if not self.settings.fetch_urls:
            raise ImageError(
                name,
                "addresses are not fetched here; send the image itself as a data URI, or allow "
                f"fetching with {PREFIX}FETCH_URLS=on",
            )
        return self._fetcher.fetch(url, name)

    def index_sizes(self) -> dict[Kind, int]:
        """Vectors in each index that is loaded."""
        return self._views.sizes()

    def read_image(self, path: Path) -> bytes:
        """The bytes of an image file, within the limits. Raises ImageError."""
        return read_file(path, limits=self.embedder.limits)

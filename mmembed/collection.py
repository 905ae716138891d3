"""The one composition of all stages: a request is one call into a Collection."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from mmembed.binding import Binding
from mmembed.catalog import Catalog
from mmembed.classifier import Classified, Classifier
from mmembed.config import PREFIX, Settings
from mmembed.decode import image_facts, read_file
from mmembed.embedder import Embedder, EmbedderCounts, ImageInput
from mmembed.errors import ImageError, QueryError
from mmembed.fetch import Fetcher
from mmembed.ingest import Pipeline, Progress, Report, make_plan, scan
from mmembed.items import Items
from mmembed.paging import Cursor, page_of_items
from mmembed.privacy import keep_libraries_within
from mmembed.query import query_embedding
from mmembed.served import Load, ServedModels
from mmembed.types import (
    EVERYTHING,
    Filter,
    Hit,
    ImageFacts,
    Kind,
    SearchPage,
    Term,
)
from mmembed.views import Views

__all__ = [
    "Classified",
    "Collection",
    "Embedder",
    "EmbedderCounts",
    "ImageFacts",
    "ImageInput",
    "SearchPage",
]

BUNDLED_NOTICE = (
    "The small built-in model answers: quick, but often wrong; a full CLIP model finds far more."
)


class Collection(Items):
    """Images and captions in one data folder, and the model that embeds them; further models
    answer for what requests bring.

    Methods may be called from any thread. A model is loaded at first need.
    """

    def __init__(self, settings: Settings, load: Load | None = None) -> None:
        threads = settings.decode_threads or os.cpu_count() or 1
        keep_libraries_within(settings.cache)
        self.settings = settings
        self.catalog = Catalog(settings.data)
        self.binding = Binding(settings.model, self.catalog)
        self.served = ServedModels(settings, self.binding, self._file_of, threads, load)
        self.embedder = self.served.first.embedder
        self.classifier = self.served.first.classifier
        self._fetcher = Fetcher(
            max_bytes=self.embedder.limits.max_bytes, allow=settings.fetch_allow
        )
        self._views = Views(self.catalog, exact_limit=settings.exact_limit)
        self._pipeline = Pipeline(
            catalog=self.catalog,
            load=self._claimed,
            limits=self.embedder.limits,
            batch=settings.batch,
            threads=threads,
            thumbnails=settings.thumbnails,
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
        """Let waiting requests finish, and close the models and the catalog."""
        self._fetcher.close()
        self.served.close()
        self.catalog.close()

    @property
    def model_name(self) -> str:
        """The id of the collection's model, whose vectors are stored and searched."""
        return self.embedder.name

    @property
    def models(self) -> tuple[str, ...]:
        """The ids of all models that are served, that of the collection first."""
        return tuple(self.served.by_name)

    def embedder_for(self, model: str | None) -> Embedder:
        """The model that a request names; None, "", "default" and the owner's aliases stand for
        the collection's. Raises NotFound, which lists those that are served."""
        return self.served.find(model).embedder

    def classifier_for(self, model: str | None) -> Classifier:
        """What classifies with the model that a request names; see `embedder_for`."""
        return self.served.find(model).classifier

    def check_searchable(self, model: str | None) -> None:
        """Raises QueryError for a model that is served but did not make the vectors here, and
        NotFound for one that is not served."""
        if self.embedder_for(model) is not self.embedder:
            raise QueryError(
                f"model: the vectors of this collection are of {self.model_name!r}, and those of "
                f"{model!r} cannot be compared with them; search with {self.model_name!r} or "
                "'default'",
                param="model",
            )

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
            "models": self.served.describe(),
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
        """Read the views anew from the catalog, build the graphs that are needed, and save them."""
        self._views.rebuild()

    def publish(self) -> None:
        """Save the graphs that there are, so that the next start need not follow what this one
        did; none is built."""
        self._views.publish(build=False)

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
            embedding_of=self.binding.item,
        )
        notes = self._notes(terms)
        self.binding.check_folder()
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

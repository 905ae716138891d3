"""Composes all stages: a request is one call into a Collection."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from types import TracebackType

from mmembed.classify.classifier import Classified, TextInput
from mmembed.classify.label_paths import Branch
from mmembed.classify.label_sets import LabelSet
from mmembed.classify.zero_shot import Mode
from mmembed.collection.answering import Answering
from mmembed.collection.bank_of_model import ModelBank
from mmembed.collection.classifying import Classification
from mmembed.collection.comparing import Comparing
from mmembed.collection.duplicates import Duplicates
from mmembed.collection.editing import ItemEditing
from mmembed.collection.exploration import Exploration
from mmembed.collection.exploring import Exploring
from mmembed.collection.fitting import Fitting
from mmembed.collection.folder_model import Binding
from mmembed.collection.image_sources import ImageSources
from mmembed.collection.indexing import Indexing
from mmembed.collection.item_files import IndexedFiles
from mmembed.collection.judged_search import JudgedSearch
from mmembed.collection.label_examples import Given
from mmembed.collection.open_models import open_models
from mmembed.collection.open_pipeline import open_pipeline
from mmembed.collection.open_store import open_store, searches_at_once
from mmembed.collection.removing import Removals
from mmembed.collection.search_turns import SearchTurns
from mmembed.collection.searching import Searching
from mmembed.collection.shared_indexing import Helpers
from mmembed.collection.shared_work import SharedWork
from mmembed.collection.single_flight import SingleFlight
from mmembed.collection.tag_rejections import TagRejections
from mmembed.collection.tagging import Tagging
from mmembed.collection.watching import Watching
from mmembed.config.library_privacy import keep_libraries_within
from mmembed.config.limits import Limits
from mmembed.config.settings import Settings
from mmembed.errors import MmembedError
from mmembed.fetch.fetcher import Fetcher
from mmembed.filters.tree import EVERYTHING, Where
from mmembed.ingest import Removed, Report, check_paths
from mmembed.models.embedder_counts import EmbedderCounts
from mmembed.models.inputs import ImageInput
from mmembed.models.lazy_encoder import Load
from mmembed.models.open_clip import check_obtainable
from mmembed.places import Place
from mmembed.search.bank.bank_texts import chosen_texts
from mmembed.search.missing_fields import notes_on_missing_fields
from mmembed.store.entries import Trouble
from mmembed.store.pieces import Missing
from mmembed.store.protocol import Store
from mmembed.store.sqlite import refuse_what_is_lost, restore
from mmembed.types import (
    ImageFacts,
    Item,
    Kind,
    Phase,
    Progress,
    SearchPage,
)

__all__ = [
    "Branch",
    "Classification",
    "Classified",
    "Collection",
    "EmbedderCounts",
    "Given",
    "ImageFacts",
    "ImageInput",
    "LabelSet",
    "Mode",
    "Removed",
    "Report",
    "SearchPage",
    "TextInput",
    "Trouble",
    "check_paths",
    "refuse_what_is_lost",
    "restore",
]

log = logging.getLogger(__name__)


class Collection(
    Answering,
    Comparing,
    Duplicates,
    Exploring,
    ImageSources,
    ItemEditing,
    Removals,
    SharedWork,
    Tagging,
    Watching,
):
    """Images and captions in one data folder, and the model that embeds them. Further models embed
    inputs of requests.

    Methods may be called from any thread. A model is loaded at first need.
    """

    def __init__(
        self, settings: Settings, load: Load | None = None, store: Store | None = None
    ) -> None:
        """load: gives a model by its id. store: the store, which is closed with the collection. By
        default both follow the settings."""
        keep_libraries_within(settings.cache)
        self.settings = settings
        self.limits = Limits.of(settings)
        bank_texts = chosen_texts(settings.bank)
        if load is None and not settings.is_made:
            check_obtainable(settings.model, settings.cache)  # otherwise an empty folder would stay
        self.store = store or open_store(settings)
        if not settings.location:
            self.store.forget_places()
        self.binding = Binding(settings.model, self.store)
        self._renderings = SingleFlight()
        self._rejections = TagRejections(self.store)
        self._tagging = threading.Lock()
        self._models = open_models(settings, self.binding, self._content_of, load)
        self.embedder = self._models.first
        self._prepare_classifying()
        self._bank = ModelBank(bank_texts, self.embedder, settings.cache, settings.batch)
        self._exploration = Exploration(self.store, self._bank)
        searching = Searching(self.store, self.embedder, self.binding, self._bank)
        fitting = Fitting(self.store, self._bank.now)
        turns = SearchTurns(searches_at_once(settings))
        self._search = JudgedSearch(searching, fitting, self.binding, turns)
        self._fetcher = Fetcher(
            max_bytes=self.embedder.limits.max_bytes, allow=settings.fetch_allow
        )
        self._pipeline = open_pipeline(
            settings, self.store, self._claimed, self.embedder.limits, self._fetcher
        )
        self._files = IndexedFiles(self.store, self._pipeline.sources)
        self._indexing = Indexing(self.store, self._pipeline, settings, self.binding)

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
        self._exploration.close()
        self._fetcher.close()
        self._bank.close()
        self._models.close()
        self.store.close()

    def describe(self) -> dict[str, object]:
        """Facts and counts of the collection, for people and monitors."""
        return {
            "model": self.model_name,
            "engine": self.embedder.facts.engine,
            "dim": self.embedder.facts.dim,
            "items": self.store.count(),
            "images": self.store.count("image"),
            "captions": self.store.count("caption"),
            "notice": self.notice,
            "collection": self.store.identity,
            "models": self._models.describe(),
        }

    def troubles(self) -> list[Trouble]:
        """Check that the collection can be searched and changed. Returns all faults."""
        return self.store.troubles()

    def troubles_of_files(self) -> list[Trouble]:
        """Check that uploads and thumbnails can be kept, where they lie apart from the rest."""
        return self.store.blobs.troubles()

    # -- indexing --------------------------------------------------------------------

    def index(
        self,
        paths: Sequence[Place],
        *,
        manifests: Sequence[Place] = (),
        progress: Progress,
        phase: Phase = lambda what, count: None,
        rehash: bool = False,
        include_removed: bool = False,
        helpers: Helpers | None = None,
        missing: Missing = "leave",
    ) -> Report:
        """Update the collection from these folders, files and addresses, and publish the views.

        phase: called with the work besides the pictures, and the number of items it has found.
        rehash: read all files, also those that seem unchanged. include_removed: take files that
        were removed for good. helpers: do the work elsewhere. missing: whether pictures leave whose
        files are gone; with "leave_all", places may be gone, too. In a database, several processes
        share the work, see SharedWork; raises StoreBusy beside another indexing of a folder. Raises
        InputError for places that do not exist and for invalid patterns in `exclude`. Raises
        ManifestError for named manifests that cannot be read at all.
        """
        report = self._indexing.run(
            paths, manifests, progress, phase,
            rehash=rehash, include_removed=include_removed, helpers=helpers, missing=missing,
        )  # fmt: skip
        self.collect_leftovers()
        return report

    def rebuild(self) -> None:
        """Read the views anew from the catalog, build the cells that are needed, and save them."""
        self.store.rebuild()

    def publish(self) -> None:
        """Save the existing indexes, so that the next start need not repeat this run's changes;
        none is built."""
        self.store.publish(build=False)

    def collect_leftovers(self) -> None:
        """Delete files of ours that nothing points to; a failure is logged."""
        try:
            deleted = self.store.blobs.collect()
        except (MmembedError, OSError) as error:
            log.warning("%s: leftovers were not collected: %s", self.settings.data, error)
        else:
            log.info("%s: %d leftover files were deleted", self.settings.data, deleted)

    # -- items -----------------------------------------------------------------------

    def item(self, item_id: int) -> Item:
        """An item with all its captions. Raises NotFound."""
        return self.store.item(item_id)

    def items(
        self, *, after: int = 0, limit: int, kind: Kind | None = None, where: Where = EVERYTHING
    ) -> list[Item]:
        """Items by rising id, from the first one above `after` on."""
        return self.store.page(after=after, limit=limit, kind=kind, where=where)

    def count(self, kind: Kind | None = None, where: Where = EVERYTHING) -> int:
        """How many items there are, of one kind or of both."""
        return self.store.count(kind, where)

    def notes_on(self, where: Where, *, found: bool) -> tuple[str, ...]:
        """A sentence on each field of the filter that no item has, or has with a value of the type
        that it is compared with. found: whether any item passed."""
        return notes_on_missing_fields(where, found, self.store)

    def make_bank(self, progress: Progress) -> None:
        """Embed the bank of texts that corrects searches by words, unless it is there, or nothing
        was indexed yet. Raises ModelError."""
        model = self.store.model()
        if model is not None:
            self._bank.make(progress, model.fingerprint)

    def index_sizes(self) -> dict[Kind, int]:
        """Vectors in each index that is loaded."""
        return self.store.index_sizes()

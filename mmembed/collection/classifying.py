"""Classifies pictures and texts by labels and examples, and keeps sets of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import overload

from mmembed.classify.classifier import Classified, Classifier, TextInput, no_sample
from mmembed.classify.kept_matrices import KeptMatrices
from mmembed.classify.label_paths import SEPARATOR
from mmembed.classify.label_sets import Example, LabelSet, SetLabel, check_name
from mmembed.classify.question import Question
from mmembed.classify.scorers import BARE, Scorers
from mmembed.classify.zero_shot import Mode, check_labels, notes_on_case
from mmembed.collection.bank_of_model import ModelBank
from mmembed.collection.calibrations import Calibrations
from mmembed.collection.folder_model import Binding
from mmembed.collection.label_examples import (
    REQUEST,
    EmbeddedExamples,
    Given,
    LabelExamples,
    joined,
)
from mmembed.collection.label_set_records import LabelSetRecords
from mmembed.config.settings import Settings
from mmembed.errors import QueryError
from mmembed.models.encoder import ModelFacts
from mmembed.models.inputs import Embedder, ImageInput
from mmembed.models.registry import ServedModels
from mmembed.search.calibration import BACKGROUND_SIZE
from mmembed.store.protocol import Store
from mmembed.types import Embeddings, Failure

ALL_LIKELY = (
    "{} was not trained for the mode sigmoid, and gives nearly every label a probability of 1; the "
    "mode multi judges each label for itself"
)


@dataclass(frozen=True)
class Classification(Sequence[Classified]):
    """The answer for each input, in the order they came."""

    results: tuple[Classified, ...]
    mode: Mode
    notes: tuple[str, ...] = ()
    """Notes for the caller, such as on examples that are gone."""

    @overload
    def __getitem__(self, index: int) -> Classified: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Classified, ...]: ...

    def __getitem__(self, index: int | slice) -> Classified | tuple[Classified, ...]:
        return self.results[index]

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Classified]:
        return iter(self.results)


class Classifying:
    """The part of a Collection that classifies."""

    settings: Settings
    store: Store
    binding: Binding
    embedder: Embedder
    _bank: ModelBank
    _models: ServedModels
    _classifiers: Mapping[Embedder, Classifier]
    _calibrations: Calibrations
    _label_sets: LabelSetRecords
    _label_examples: LabelExamples

    def _prepare_classifying(self) -> None:
        """Make the parts; the store and the models are there."""
        self._calibrations = Calibrations(self.store)
        kept = KeptMatrices(self.settings.cache)
        self._classifiers = {
            one: Classifier(
                one,
                Scorers(one, self._calibrations.of, kept, partial(self._bank_texts, one)),
            )
            for one in self._models.all
        }
        self._label_sets = LabelSetRecords(self.store)
        self._label_examples = LabelExamples(self.store, self.binding)

    def classify(
        self,
        inputs: Sequence[ImageInput | TextInput | str | Failure],
        labels: Sequence[str] = (),
        *,
        examples: Mapping[str, Sequence[Given]] | None = None,
        wordless: Sequence[str] = (),
        label_set: str | None = None,
        templates: Sequence[str] | None = None,
        mode: Mode | None = None,
        top: int | None = None,
        model: str | None = None,
        none_of_these: bool = False,
        precision: float | None = None,
    ) -> Classification:
        """The `top` labels of every picture, or of every text, by falling probability. A string is
        a text.

        labels: none stands for those of the examples.
        examples: known cases of labels: pictures, items, or texts; see `classify.few_shot`.
        wordless: labels that are mere names, of which the examples alone count. label_set: the
        name of a stored set, in place of labels. none_of_these: whether an input may show none of
        them. precision: in the mode `multi`, the share of given labels that shall be right.

        Raises QueryError; LimitError for too many prompts or examples; NotFound for a model that
        is not served, a set that is not there, and an example that is gone; and the error of an
        example that cannot be read."""
        embedder = self._models.find(model)
        asked = self._asked(embedder, labels, examples or {}, wordless, label_set)
        known = self._label_examples.embedded(asked, embedder)
        question = replace(
            question_of(asked, known),
            templates=templates or asked.templates,
            mode=mode or asked.mode,
            none_of_these=none_of_these,
            precision=precision,
        )
        named = [
            TextInput(f"texts[{i}]", one) if isinstance(one, str) else one
            for i, one in enumerate(inputs)
        ]
        answer = self._classifiers[embedder].classify(named, question, top, self._sampled(embedder))
        notes = (
            *known.notes,
            *notes_on_case(question.labels),
            *_notes_on(answer.mode, embedder.facts),
        )
        return Classification(tuple(answer.results), answer.mode, notes)

    def label_sets(self) -> list[LabelSet]:
        """The stored sets of labels, by name. Raises StoreError for a damaged one."""
        return self._label_sets.all()

    def label_set(self, name: str) -> LabelSet:
        """One stored set of labels. Raises NotFound, StoreError for a damaged one."""
        return self._label_sets.find(name)

    def lost_examples(self, label_set: LabelSet) -> list[Example]:
        """The examples of a set that are items and are gone."""
        return self._label_examples.lost(label_set)

    def add_label_set(
        self,
        name: str,
        labels: Sequence[str] = (),
        *,
        examples: Mapping[str, Sequence[Given]] | None = None,
        wordless: Sequence[str] = (),
        thresholds: Mapping[str, float] | None = None,
        templates: Sequence[str] | None = None,
        mode: Mode | None = None,
        replacing: bool = False,
    ) -> LabelSet:
        """Store a set of labels, or add labels and examples to the set of that name. Items as
        examples stay items; other pictures are kept as embeddings by the collection's model.

        thresholds: the lowest probability with which a label is given where several may apply.
        replacing: what the set held before is forgotten. Raises QueryError, LimitError, NotFound,
        and the error of an example that cannot be read."""
        check_name(name)
        made = self._labels_of(self.embedder, name, labels, examples or {}, wordless)
        new = replace(
            with_thresholds(made, thresholds or {}),
            templates=tuple(templates) if templates else None,
            mode=mode,
        )

        def after(old: LabelSet | None) -> LabelSet:
            if old is None or replacing:
                return new
            return joined(self._label_examples.adopted(old), new)

        return self._label_sets.put(name, after)

    def remove_label_set(self, name: str) -> None:
        """Remove a stored set of labels; items and tags stay. Raises NotFound."""
        self._label_sets.remove(name)

    def _bank_texts(self, embedder: Embedder) -> Embeddings | None:
        """Embeddings of generic words by the collection's model, float32 (m, dim); None for other
        models, and where no bank is wanted."""
        if embedder is not self.embedder:
            return None
        self._bank.make(lambda done, total, failed: None)
        bank = self._bank.now()
        return None if bank is None else bank.words

    def _sampled(self, embedder: Embedder) -> Callable[[], Embeddings]:
        """Gives embeddings of some of the collection's pictures, of the model's own."""
        if embedder is not self.embedder:
            return no_sample
        return lambda: self.store.sample("image", BACKGROUND_SIZE)

    def _asked(
        self,
        embedder: Embedder,
        labels: Sequence[str],
        examples: Mapping[str, Sequence[Given]],
        wordless: Sequence[str],
        label_set: str | None,
    ) -> LabelSet:
        """The labels of a request: its own, or those of a stored set."""
        if label_set is None:
            return self._labels_of(embedder, REQUEST, labels, examples, wordless)
        if labels or examples or wordless:
            raise QueryError(
                f"label set {label_set!r} brings its labels and examples; give the set alone, or "
                "labels alone",
                param="label_set",
            )
        return self._label_sets.find(label_set)

    def _labels_of(
        self,
        embedder: Embedder,
        name: str,
        labels: Sequence[str],
        examples: Mapping[str, Sequence[Given]],
        wordless: Sequence[str],
    ) -> LabelSet:
        embedder.text_limits.check_prompts(labels, BARE)  # before each label is looked at
        clean = check_labels(labels or list(examples))
        if unknown := [label for label in wordless if label.strip() not in clean]:
            raise QueryError(f"wordless: {unknown[0]!r} is none of the labels", param="wordless")
        stripped: dict[str, list[Given]] = {}
        for label, several in examples.items():
            stripped.setdefault(label.strip(), []).extend(several)
        read = self._label_examples.read(embedder, clean, stripped)
        bare = {label.strip() for label in wordless}
        made = tuple(SetLabel(one, read.get(one, ()), one not in bare) for one in clean)
        return LabelSet(name, made, collection=self.store.identity)


def parents_of(label: str) -> int:
    """How many parents a label has: two of `animal > dog > terrier`."""
    return label.count(SEPARATOR)


def with_thresholds(label_set: LabelSet, thresholds: Mapping[str, float]) -> LabelSet:
    """The set with the lowest probability of some labels. Raises QueryError for a label that is not
    in it, and for a threshold that is none."""
    lowest = {label.strip(): least for label, least in thresholds.items()}
    if unknown := lowest.keys() - {one.label for one in label_set.labels}:
        raise QueryError(
            f"thresholds: {min(unknown)!r} is none of the labels; add it to them, or leave it out",
            param="thresholds",
        )
    labels = [replace(one, threshold=lowest.get(one.label)) for one in label_set.labels]
    return replace(label_set, labels=tuple(labels))


def _notes_on(mode: Mode, facts: ModelFacts) -> tuple[str, ...]:
    """Models trained with a sigmoid loss have a bias: see `ModelFacts.logit_bias`."""
    untrained = mode == "sigmoid" and facts.logit_bias is None
    return (ALL_LIKELY.format(facts.name),) if untrained else ()


def question_of(asked: LabelSet, known: EmbeddedExamples) -> Question:
    """The labels of a set, with its examples."""
    return Question(
        labels=[one.label for one in asked.labels],
        wordless=frozenset(one.label for one in asked.labels if not one.words),
        pictures=known.pictures,
        texts=known.texts,
        thresholds={one.label: one.threshold for one in asked.labels if one.threshold is not None},
    )

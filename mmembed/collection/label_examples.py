"""Examples of labels: from what callers give to embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmembed.classify.label_sets import Example, LabelSet, SetLabel
from mmembed.classify.question import KnownCases
from mmembed.collection.folder_model import Binding
from mmembed.errors import NotFound, QueryError
from mmembed.item_failures import error_from
from mmembed.models.inputs import Embedder, ImageInput
from mmembed.store.protocol import Store
from mmembed.types import Embedding, Failure, Item

Given = ImageInput | str
"""An example as a caller gives it: a picture or an item, or a text."""

REQUEST = "request"
"""Stands for the name of a set where the labels are a request's own."""
SHOWN = 3
NOWHERE = 0
"""The id of no item."""


@dataclass(frozen=True)
class EmbeddedExamples:
    """The examples of a set's labels."""

    pictures: KnownCases
    texts: KnownCases
    notes: tuple[str, ...]
    """On examples that do not count."""


class LabelExamples:
    """Embeds examples of labels, with any of the collection's models."""

    def __init__(self, store: Store, binding: Binding) -> None:
        self._store = store
        self._binding = binding

    def read(
        self, embedder: Embedder, labels: Sequence[str], given: Mapping[str, Sequence[Given]]
    ) -> dict[str, tuple[Example, ...]]:
        """The given examples by label, in a form that can be kept. Raises QueryError for a label
        that is not among these or an example of two labels, and the error of the first picture or
        item that cannot be used."""
        if unknown := [label for label in given if label not in labels]:
            raise QueryError(
                f"examples: {unknown[0]!r} is none of the labels; add it to them, or leave it out",
                param="examples",
            )
        pairs = [(label, one) for label, several in given.items() for one in several]
        names = [f"examples.{label}[{i}]" for label in given for i in range(len(given[label]))]
        _check_distinct(pairs)
        images = [one for _, one in pairs if isinstance(one, ImageInput) and one.item is None]
        rows = iter(embedder.images(images))
        found: dict[str, list[Example]] = {label: [] for label in given}
        for (label, one), name in zip(pairs, names, strict=True):
            if isinstance(one, str):
                if not one.strip():
                    raise QueryError(f"{name}: the text is blank", param="examples")
                found[label].append(Example(name, text=one))
            elif one.item is not None:
                found[label].append(self._item_example(one.item, name))
            else:
                found[label].append(_picture_example(one.name, next(rows), embedder))
        return {label: tuple(examples) for label, examples in found.items()}

    def embedded(self, label_set: LabelSet, embedder: Embedder) -> EmbeddedExamples:
        """The embeddings of a set's examples. Examples that are gone, or were embedded by another
        model, are left out and named in the notes."""
        pairs = [(i, one) for i, label in enumerate(label_set.labels) for one in label.examples]
        items = self._items(label_set, [one for _, one in pairs])
        pictures: list[tuple[int, Embedding]] = []
        texts: list[tuple[int, str]] = []
        lost: dict[str, list[str]] = {}
        wanted: list[tuple[int, Item]] = []
        fingerprint = embedder.facts.fingerprint
        for label, one in pairs:
            item = items.get(id(one))
            if one.text is not None:
                texts.append((label, one.text))
            elif one.vector is not None and one.model == fingerprint:
                pictures.append((label, _row_of(one, embedder.facts.dim)))
            elif item is not None and item.kind == "caption":
                texts.append((label, item.caption or ""))
            elif item is not None:
                wanted.append((label, item))
            else:
                why = "gone" if one.vector is None else "embedded by another model"
                lost.setdefault(why, []).append(f"{one.name} of {label_set.labels[label].label}")
        pictures += self._rows(wanted, embedder, lost)
        return EmbeddedExamples(
            _cases([row for _, row in pictures], [label for label, _ in pictures]),
            self._text_cases(texts, embedder),
            tuple(_note(label_set.name, why, names) for why, names in lost.items()),
        )

    def lost(self, label_set: LabelSet) -> list[Example]:
        """The examples that are items and are gone."""
        examples = [one for label in label_set.labels for one in label.examples]
        items = self._items(label_set, examples)
        return [one for one in examples if one.item is not None and id(one) not in items]

    def adopted(self, label_set: LabelSet) -> LabelSet:
        """The set with ids of this collection in place of another one's. An item that is not here
        is known by its content alone."""
        if label_set.collection in (None, self._store.identity):
            return label_set
        items = self._items(
            label_set, [one for label in label_set.labels for one in label.examples]
        )
        labels = [
            replace(label, examples=tuple(_here(one, items.get(id(one))) for one in label.examples))
            for label in label_set.labels
        ]
        return replace(label_set, labels=tuple(labels), collection=self._store.identity)

    def _item_example(self, item_id: int, name: str) -> Example:
        found = self._store.items([item_id])
        if not found:
            raise NotFound(f"{name}: item {item_id}: there is no such item")
        return Example(f"item {item_id}", item=item_id, content=found[0].sha256)

    def _items(self, label_set: LabelSet, examples: Sequence[Example]) -> dict[int, Item]:
        """The items of examples, by the `id()` of the example. In the set's own collection an item
        is known by its id, and elsewhere, or if that is gone, by its content."""
        own = label_set.collection in (None, self._store.identity)
        ids = [one.item for one in examples if one.item is not None] if own else []
        by_id = {item.id: item for item in self._store.items(ids)}
        found: dict[int, Item] = {}
        for one in examples:
            if one.item is None:
                continue
            item = by_id.get(one.item) or self._with_content(one)
            if item is not None:
                found[id(one)] = item
        return found

    def _with_content(self, one: Example) -> Item | None:
        if one.content is None:
            return None
        return self._store.content("image", one.content) or self._store.content(
            "caption", one.content
        )

    def _rows(
        self, wanted: Sequence[tuple[int, Item]], embedder: Embedder, lost: dict[str, list[str]]
    ) -> list[tuple[int, Embedding]]:
        """Embeddings of picture items; those that have none are added to the lost ones."""
        inputs = [ImageInput(f"item {item.id}", item=item.id) for _, item in wanted]
        rows: list[tuple[int, Embedding]] = []
        for (label, item), row in zip(wanted, embedder.images(inputs), strict=True):
            if isinstance(row, Failure):
                lost.setdefault("unreadable", []).append(f"item {item.id}")
            else:
                rows.append((label, row))
        return rows

    def _text_cases(self, texts: Sequence[tuple[int, str]], embedder: Embedder) -> KnownCases:
        if not texts:
            return KnownCases.none()
        rows = embedder.all_texts([text[:40] for _, text in texts], [text for _, text in texts])
        return _cases(list(rows), [label for label, _ in texts])


def _here(one: Example, item: Item | None) -> Example:
    """An example by the id that its item has here, if it is one."""
    if one.item is None:
        return one
    return replace(one, item=NOWHERE) if item is None else replace(one, item=item.id)


def joined(old: LabelSet, new: LabelSet) -> LabelSet:
    """The labels and examples of both sets; of two rules the new one. An example that was one of
    another label is now one of the new label alone. Raises QueryError where a mere name loses its
    last example so."""
    moved = {_identity(one): label.label for label in new.labels for one in label.examples}
    labels = {one.label: _without(one, moved) for one in old.labels}
    for one in new.labels:
        before = labels.get(one.label)
        labels[one.label] = one if before is None else _merged(before, one)
    return replace(
        new,
        labels=tuple(labels.values()),
        templates=new.templates or old.templates,
        mode=new.mode or old.mode,
    )


def _merged(before: SetLabel, one: SetLabel) -> SetLabel:
    known = {_identity(example) for example in before.examples}
    fresh = tuple(example for example in one.examples if _identity(example) not in known)
    threshold = before.threshold if one.threshold is None else one.threshold
    words = before.words and one.words
    return replace(one, examples=(*before.examples, *fresh), words=words, threshold=threshold)


def _without(label: SetLabel, moved: Mapping[object, str]) -> SetLabel:
    """A label without the examples that are now of another label."""
    kept = [one for one in label.examples if moved.get(_identity(one), label.label) == label.label]
    return label if len(kept) == len(label.examples) else replace(label, examples=tuple(kept))


def _identity(one: Example) -> object:
    return one.content or one.text or one.vector


def _check_distinct(pairs: Iterable[tuple[str, Given]]) -> None:
    """Raises QueryError if one example is of two labels."""
    label_of: dict[object, str] = {}
    for label, one in pairs:
        key = one if isinstance(one, str) else one.item or one.data or one.path
        if label_of.setdefault(key, label) != label:
            shown = one[:40] if isinstance(one, str) else one.name
            raise QueryError(
                f"examples: {shown} is an example of {label_of[key]!r} and of {label!r}; "
                "keep it with one of them",
                param="examples",
            )


def _picture_example(name: str, row: Embedding | Failure, embedder: Embedder) -> Example:
    if isinstance(row, Failure):
        raise error_from(row)
    vector = row.astype("<f2").tobytes()
    return Example(name, vector=vector, model=embedder.facts.fingerprint)


def _row_of(one: Example, dim: int) -> Embedding:
    """The stored embedding of a picture. Raises QueryError for a damaged one."""
    row = np.frombuffer(one.vector or b"", "<f2").astype(np.float32)
    length = float(np.linalg.norm(row))
    if row.shape != (dim,) or not 0.5 < length < 2:
        raise QueryError(f"{one.name}: its stored embedding is damaged; add the example again")
    return np.asarray(row / length, np.float32)


def _cases(rows: Sequence[Embedding], labels: Sequence[int]) -> KnownCases:
    return KnownCases(np.stack(rows), np.array(labels, np.int64)) if rows else KnownCases.none()


def _note(name: str, why: str, examples: Sequence[str]) -> str:
    more = f" and {len(examples) - SHOWN} more" if len(examples) > SHOWN else ""
    shown = ", ".join(examples[:SHOWN])
    where = "" if name == REQUEST else f"label set {name}: "
    return f"{where}examples that are {why} do not count: {shown}{more}"

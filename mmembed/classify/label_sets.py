"""Sets of labels with a name, which are kept with a collection: words and known examples.

A set is stored as a record of the kind `RECORD`, in JSON. An example that is an item follows the
item: by its id, and by its content where the id is of another collection or is gone.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from mmembed.classify.zero_shot import MODES, Mode, check_labels, fill
from mmembed.errors import LimitError, QueryError, StoreError

RECORD = "label_set"
"""The kind of the records that hold sets."""
LAYOUT = 1
MOST_EXAMPLES = 2048
"""Examples of a set or of a request: fitting more takes minutes."""
_NAME = re.compile(r"[^\W_][\w .+-]{0,99}")


@dataclass(frozen=True)
class Example:
    """A known case of a label: exactly one of an item, a text, and the embedding of a picture."""

    name: str
    """Its name in messages: `item 12`, `cat.jpg`."""
    item: int | None = None
    content: str | None = None
    """Of an item: the sha256 of its content, hex."""
    text: str | None = None
    vector: bytes | None = None
    """Of a picture that is no item: float16 (dim,), little-endian."""
    model: str | None = None
    """The fingerprint of the model that made the vector."""

    @property
    def kind(self) -> Literal["item", "picture", "text"]:
        """The kind of example."""
        if self.item is not None:
            return "item"
        return "picture" if self.text is None else "text"


@dataclass(frozen=True)
class SetLabel:
    """One label of a set."""

    label: str
    """Its words; `animal > dog` is a dog below animals."""
    examples: tuple[Example, ...] = ()
    words: bool = True
    """Whether its words describe it. Otherwise it is a mere name, and its examples alone count."""
    threshold: float | None = None
    """The lowest probability with which it is given where several labels may apply."""


@dataclass(frozen=True)
class LabelSet:
    """Labels that are asked for together."""

    name: str
    labels: tuple[SetLabel, ...]
    templates: tuple[str, ...] | None = None
    """Prompts in which {} is the label; None: as suit the model."""
    mode: Mode | None = None
    """None: as suits the model."""
    collection: str | None = None
    """The identity of the collection whose ids its examples have."""

    def __post_init__(self) -> None:
        """Raises QueryError for a name, a label or a template that makes no sense, LimitError."""
        check_name(self.name)
        check_labels([one.label for one in self.labels])
        if self.mode not in (None, *MODES):
            raise QueryError(f"mode {self.mode!r}: expected {' or '.join(MODES)}")
        for template in self.templates or ():
            fill(template, "label")
        for one in self.labels:
            _check(one)
        if self.examples > MOST_EXAMPLES:
            raise LimitError(
                f"label set {self.name!r}: {self.examples} examples, limit {MOST_EXAMPLES}; "
                "more than some 16 for each label help little"
            )

    @property
    def examples(self) -> int:
        """How many examples all labels have together."""
        return sum(len(one.examples) for one in self.labels)

    def to_bytes(self) -> bytes:
        """The set as its record holds it, without the name."""
        labels = [_label_json(one) for one in self.labels]
        kept = {"layout": LAYOUT, "labels": labels, "templates": self.templates,
                "mode": self.mode, "collection": self.collection}  # fmt: skip
        return json.dumps(kept, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, name: str, record: bytes) -> LabelSet:
        """The set of a record. Raises StoreError for a damaged one, or one of a later version."""
        try:
            kept = json.loads(record)
            if kept["layout"] != LAYOUT:
                raise StoreError(
                    f"label set {name!r}: its layout is {kept['layout']}, and this version reads "
                    f"{LAYOUT}; use the version that wrote it, or remove the set and add it again"
                )
            templates = kept["templates"]
            return cls(
                name=name,
                labels=tuple(map(_label_of, kept["labels"])),
                templates=None if templates is None else tuple(templates),
                mode=kept["mode"],
                collection=kept["collection"],
            )
        except (ValueError, TypeError, KeyError, AttributeError, QueryError) as error:
            raise StoreError(
                f"label set {name!r}: its record is damaged ({error}); remove the set and add it "
                "again"
            ) from error


def name_from(text: str) -> str:
    """A name like a text, such as a file's; empty if nothing of it is left."""
    clean = re.sub(r"[^\w .+-]+", "-", text).lstrip("_ .+-")
    return clean[:100].rstrip()


def check_name(name: str) -> str:
    """The name of a set. Raises QueryError for one that cannot stand in an address or a table."""
    if not _NAME.fullmatch(name) or name != name.strip():
        raise QueryError(
            f"label set {name[:100]!r}: a name has up to 100 letters, digits and . + - _ or blanks "
            "within, and begins with a letter or digit",
            param="label_set",
        )
    return name


def _check(one: SetLabel) -> None:
    if not one.words and not one.examples:
        raise QueryError(
            f"label {one.label!r}: has neither words nor examples; give it examples, or let its "
            "words count"
        )
    if one.threshold is not None and not 0 <= one.threshold <= 1:
        raise QueryError(f"label {one.label!r}: threshold {one.threshold}, expected 0 to 1")
    for example in one.examples:
        if [example.item, example.text, example.vector].count(None) != 2:
            raise QueryError(f"{example.name}: expected exactly one of item, text and vector")


_Json: TypeAlias = Mapping[str, Any]


def _label_json(one: SetLabel) -> _Json:
    examples = [_example_json(example) for example in one.examples]
    kept = {"label": one.label, "words": one.words, "examples": examples}
    return kept if one.threshold is None else {**kept, "threshold": one.threshold}


def _example_json(example: Example) -> _Json:
    kept = {"name": example.name, "item": example.item, "content": example.content,
            "text": example.text, "model": example.model}  # fmt: skip
    vector = None if example.vector is None else base64.b64encode(example.vector).decode()
    return {key: value for key, value in {**kept, "vector": vector}.items() if value is not None}


def _label_of(kept: _Json) -> SetLabel:
    examples = tuple(map(_example_of, kept["examples"]))
    return SetLabel(kept["label"], examples, bool(kept["words"]), kept.get("threshold"))


def _example_of(kept: _Json) -> Example:
    vector = kept.get("vector")
    try:
        decoded = None if vector is None else base64.b64decode(vector, validate=True)
    except binascii.Error as error:
        raise ValueError(f"vector of {kept['name']}: {error}") from error
    known = {key: kept.get(key) for key in ("item", "content", "text", "model")}
    return Example(name=kept["name"], vector=decoded, **known)

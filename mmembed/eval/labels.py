"""The names of classes, and the prompts that they are filled into."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from mmembed.classify import zero_shot
from mmembed.counted import counted
from mmembed.errors import InputError
from mmembed.eval.datasets import read_lines

Names: TypeAlias = tuple[str, ...]
"""The names of a label. Several are synonyms, whose embeddings are averaged."""

WORDNET_ID = re.compile(r"n\d{8}")
SHOWN = 3
USUAL = "usual"
"""The prompts that classification takes for a model unless a request says others."""


@dataclass(frozen=True)
class Templates:
    """Prompts in which {} is the label, and the name of their set."""

    name: str
    prompts: tuple[str, ...]
    """Empty for the usual ones of each model."""


@dataclass(frozen=True)
class Labels:
    """All competing labels, each once, and the label of each class of the data."""

    names: tuple[Names, ...]
    of_class: Mapping[str, int]
    """Position in `names` by class. Classes of equal names share a position."""

    def shown(self, label: int) -> str:
        """A label as people know it."""
        return self.names[label][0]


def read_templates(name: str) -> Templates:
    """`usual`, `short`, `full`, or a file with one template a line. Raises InputError."""
    known: dict[str, tuple[str, ...]] = {
        USUAL: (),
        "short": zero_shot.SHORT_TEMPLATES,
        "full": zero_shot.TEMPLATES,
    }
    prompts = known[name] if name in known else tuple(read_lines(Path(name)))
    for prompt in prompts:
        zero_shot.fill(prompt, "label")
    return Templates(name, prompts)


def read_labels(
    classes: Sequence[str], path: Path | None, *, limit: int, only_present: bool = False
) -> Labels:
    """The labels of these classes, and, unless `only_present`, all others of a file.

    Without a file, the name of a class is its folder's, with `_` as a blank. A file is a JSON
    object {class: name or names}, lines of class and names, or a list of names. Raises InputError
    if a class has no label, or if fewer than two labels compete, or more than `limit`.
    """
    present = sorted(set(classes))
    table = {name: (_words(name),) for name in present} if path is None else _read(path, present)
    missing = [name for name in present if name not in table]
    if missing:
        raise InputError(
            f"{path}: has no label for {_some(missing)}, of {len(present)} classes of the data; "
            "add them, or leave --labels out to use the folders' names"
        )
    competing = {name: table[name] for name in present} if only_present else table
    names = tuple(dict.fromkeys(competing.values()))
    _check(names, path, limit)
    place = {label: position for position, label in enumerate(names)}
    return Labels(names, {name: place[table[name]] for name in present})


def _check(names: Sequence[Names], path: Path | None, limit: int) -> None:
    if len(names) < 2:
        raise InputError(
            f"only one label, {names[0][0]!r}: there is nothing to choose between; "
            "add folders of other classes, or other labels with --labels"
        )
    if len(names) > limit:
        raise InputError(
            f"{path or 'the data'}: {len(names)} labels, limit {limit}; raise "
            "MMEMBED_MAX_LABELS, or keep to the labels of the data with --only-present"
        )


def _words(name: str) -> str:
    return name.replace("_", " ").strip()


def _read(path: Path, present: Sequence[str]) -> dict[str, Names]:
    if path.suffix.lower() == ".json":
        return _from_json(path, present)
    lines = read_lines(path)
    pairs = [line.split("\t", 1) if "\t" in line else line.split(None, 1) for line in lines]
    if _keyed(lines, pairs, present):
        return {pair[0].strip(): _names(path, pair[1].split(",")) for pair in pairs}
    return _from_list(path, [_names(path, line.split(",")) for line in lines], present)


def _keyed(lines: Sequence[str], pairs: Sequence[Sequence[str]], present: Sequence[str]) -> bool:
    """Whether each line begins with a class: before a tab, known, or a WordNet id."""
    if any(len(pair) < 2 for pair in pairs):
        return False
    keys = {pair[0].strip() for pair in pairs}
    return (
        all("\t" in line for line in lines)
        or keys.issuperset(present)
        or all(WORDNET_ID.fullmatch(key) for key in keys)
    )


def _from_json(path: Path, present: Sequence[str]) -> dict[str, Names]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from error
    if isinstance(value, dict):
        return {str(key): _names(path, names) for key, names in value.items()}
    if isinstance(value, list):
        return _from_list(path, [_names(path, names) for names in value], present)
    raise InputError(f"{path}: expected a JSON object {{class: label}} or a list of labels")


def _from_list(path: Path, listed: Sequence[Names], present: Sequence[str]) -> dict[str, Names]:
    """Names without classes: a class is one of the names, or a position in the list from 0.
    Otherwise the list has the classes in the order of their names."""
    by_name = _by_name(path, listed, present)
    # Names without a class compete, too; no class has a name like these keys.
    others = {f"{position}\0": names for position, names in enumerate(listed)}
    if all(_words(name).casefold() in by_name for name in present):
        return others | {name: by_name[_words(name).casefold()] for name in present}
    if all(name.isdecimal() for name in present):
        return {str(position): names for position, names in enumerate(listed)}
    if len(listed) == len(present):
        return dict(zip(present, listed, strict=True))
    raise InputError(
        f"{path}: a list of {counted(len(listed), 'label')} for "
        f"{counted(len(present), 'class', 'classes')}, such as "
        f"{_some(present)}, which are not among them; write lines of class and label, or "
        'JSON {"class": "label"}'
    )


def _by_name(path: Path, listed: Sequence[Names], present: Sequence[str]) -> dict[str, Names]:
    wanted = {_words(name).casefold() for name in present}
    names_by_class: dict[str, Names] = {}
    for names in listed:
        for name in wanted.intersection(name.casefold() for name in names):
            if names_by_class.setdefault(name, names) != names:
                raise InputError(
                    f"{path}: {name!r} is {names_by_class[name]} and {names}; "
                    "write lines of class and label"
                )
    return names_by_class


def _names(path: Path, value: Any) -> Names:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InputError(f"{path}: {value!r} is no label; expected text or a list of texts")
    # JSON can spell halves of characters, which no model can read.
    texts = [name.strip().encode("utf-8", "replace").decode() for name in values]
    names = tuple(dict.fromkeys(text for text in texts if text))
    if not names:
        raise InputError(f"{path}: a label is blank")
    return names


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more

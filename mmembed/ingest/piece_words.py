"""The captions, tags and fields of a picture on their way from the planner to a worker.

A text file beside a new picture is read by the worker: millions of them would hold up the planner.
So are the texts beside a picture elsewhere, of which the planner sends the state that it listed:
the worker need not ask again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from mmembed.errors import ManifestError
from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.image_texts import add_said, said_failure
from mmembed.ingest.sidecars import read_sidecar, sidecar_of
from mmembed.sources.entries import FileStat, Text
from mmembed.sources.tars import is_beside
from mmembed.store.entries import BY_HAND, Reading, Said, Words
from mmembed.store.pieces import PieceFile
from mmembed.types import Failure


class Elsewhere(NamedTuple):
    """The state of a picture that is no file of this machine, and the texts beside it."""

    stat: FileStat
    texts: tuple[Text, ...]


def said_of_new(words: Words, beside: bool, elsewhere: Elsewhere | None = None) -> str:
    """The words of a new picture; beside: whether a text file lies beside it."""
    if not (words or beside or elsewhere):
        return ""
    return _packed(words, beside=beside, elsewhere=elsewhere)


def said_of_known(reading: Reading, before: Words, elsewhere: Elsewhere | None = None) -> str:
    """All words of a picture that the store has with the words `before`."""
    ended = ended_sources(reading, before)
    return _packed(reading.words, ended=ended, elsewhere=elsewhere)


def elsewhere_of(file: PieceFile) -> Elsewhere | None:
    """The listed state of a picture elsewhere; None of a file of this machine."""
    packed = json.loads(file.said or "{}").get("elsewhere")
    if packed is None:
        return None
    (size, mtime_ns, mark), texts = packed
    stat = FileStat(size, mtime_ns, tuple(mark))
    return Elsewhere(stat, tuple(Text(*text) for text in texts))


def ended_sources(reading: Reading, before: Words) -> list[str]:
    """The files whose words a picture loses unless these still say them."""
    sources = {
        source
        for said in (before.captions, before.tags)
        for some in said.values()
        for source in some
    } | set(before.fields)
    return sorted(source for source in sources if source != BY_HAND and reading.current(source))


def _packed(words: Words, **more: object) -> str:
    packed = {
        "captions": _sorted(words.captions),
        "tags": _sorted(words.tags),
        "fields": dict(words.fields),
        **more,
    }
    # An empty `ended` says something: the picture is known, and nothing ended.
    return json.dumps({name: value for name, value in packed.items() if value or name == "ended"})


def _sorted(said: Said) -> dict[str, list[str]]:
    return {text: sorted(sources) for text, sources in said.items()}


def reading_of(
    file: PieceFile, roots: Sequence[str], limits: SaidLimits
) -> tuple[Reading, list[Failure]]:
    """The captions and tags of a picture of a piece, and the failures of its text file. roots: the
    indexed paths."""
    packed: dict[str, Any] = json.loads(file.said or "{}")
    words = Words(_said(packed, "captions"), _said(packed, "tags"), packed.get("fields", {}))
    if packed.get("beside"):
        return _with_text_file(file.path, words, roots, limits)
    if "ended" in packed:
        return Reading(words, frozenset(packed["ended"]).__contains__), []
    # The texts beside a picture elsewhere are read with it: where an earlier worker did, they stay.
    current = _not_beside(file.path) if "elsewhere" in packed else _always
    return Reading(words, current), []


def _said(packed: dict[str, Any], name: str) -> dict[str, frozenset[str]]:
    return {text: frozenset(sources) for text, sources in packed.get(name, {}).items()}


def _with_text_file(
    path: str, words: Words, roots: Sequence[str], limits: SaidLimits
) -> tuple[Reading, list[Failure]]:
    beside = sidecar_of(path)
    faults: Iterable[ManifestError]
    try:
        lines, faults = read_sidecar(beside, roots, limits)
    except ManifestError as error:
        lines, faults = [], [error]
    captions = dict.fromkeys(lines, frozenset({beside}))
    add_said(captions, words.captions)
    failures = [said_failure(path, fault) for fault in faults]
    current = _all_but(beside) if failures else _always
    return Reading(Words(captions, words.tags, words.fields), current), failures


def _always(source: str) -> bool:
    return True


def _not_beside(image: str) -> Callable[[str], bool]:
    return lambda source: not is_beside(source, image)


def _all_but(beside: str) -> Any:
    return lambda source: source != beside

"""The description of an exported folder, which is written last: `manifest.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mmembed import files
from mmembed.errors import InputError
from mmembed.store.entries import Model

NAME = "manifest.json"
FORMAT, VERSION = "mmembed-export", 1
UPLOADS = "uploads"
_PART = re.compile(r"[a-z0-9-]+\.(parquet|jsonl)")
_DIGEST = re.compile(r"[0-9a-f]{64}")
LONGEST = 64 * 2**20
"""Bytes of a manifest."""


@dataclass(frozen=True)
class ExportPart:
    """A file of rows."""

    name: str
    holds: str
    """items, vectors, failures, kept-out or records."""
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The counts of an export, and its parts with their checksums."""

    model: Model | None
    """Of the items' vectors; None of an empty collection."""
    more_models: tuple[Model, ...] = ()
    """Further models that have vectors of the items."""
    parts: tuple[ExportPart, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    """Images, captions, tags, vectors, uploads …"""
    indexed_fields: tuple[str, ...] = ()
    """Fields of manifests that have an index."""
    where: str = ""
    """The filter that chose the items."""
    collection: str = ""
    """The identity of the store; hex."""
    complete: bool = True
    """Whether the export ended."""

    def rows(self, holds: str) -> int:
        """Rows of all parts of a kind."""
        return sum(part.rows for part in self.parts if part.holds == holds)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest in place, durably. Raises OSError."""
    written = {"format": FORMAT, "version": VERSION, **asdict(manifest)}
    text = json.dumps(written, ensure_ascii=False, indent=1)
    files.replace(folder / NAME, text.encode(), durable=True, one_writer=True)
    files.sync_folder(folder)


def is_export(folder: Path) -> bool:
    """Whether a folder holds an export, whole or begun."""
    return (folder / NAME).is_file()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder. Raises InputError where there is none that this version reads."""
    path = folder / NAME
    try:
        with open(path, "rb") as file:
            written = json.loads(file.read(LONGEST))
        if written["format"] != FORMAT:
            raise ValueError("another program's")
        version = int(written["version"])
        if version > VERSION:
            raise InputError(
                f"{path}: was written by a newer mmembed, in format {version}; this one reads up "
                f"to {VERSION}: upgrade it"
            )
        return _manifest(written)
    except FileNotFoundError:
        raise InputError(
            f"{folder}: has no {NAME}, so it is no export, or a broken one; name a folder that "
            "`mmembed export` wrote"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: is no manifest of an export: {error!r:.200}") from None


def _manifest(written: dict[str, Any]) -> Manifest:
    """Raises ValueError, KeyError, TypeError."""
    model = written["model"]
    parts = tuple(
        ExportPart(**{name: one[name] for name in PART_FIELDS}) for one in written["parts"]
    )
    for part in parts:
        if not _PART.fullmatch(part.name) or not _DIGEST.fullmatch(part.sha256):
            raise ValueError(f"part {part.name!r:.80}")
    return Manifest(
        model=None if model is None else _model(model),
        more_models=tuple(map(_model, written["more_models"])),
        parts=parts,
        counts={str(name): int(count) for name, count in written["counts"].items()},
        indexed_fields=tuple(map(str, written["indexed_fields"])),
        where=str(written["where"]),
        collection=str(written["collection"]),
        complete=bool(written["complete"]),
    )


PART_FIELDS = tuple(ExportPart.__dataclass_fields__)


def _model(written: dict[str, Any]) -> Model:
    return Model(str(written["name"]), str(written["fingerprint"]), int(written["dim"]))


def check_parts(
    folder: Path, parts: Iterable[ExportPart], heed: Callable[[int], None] = lambda count: None
) -> None:
    """Raises InputError, with the remedy, for a part that is missing or has another content than
    the one written. heed: called with the number of checked parts."""
    for number, part in enumerate(parts, 1):
        path = folder / part.name
        try:
            with open(path, "rb") as file:
                same = files.sha256_of(file) == part.sha256
        except FileNotFoundError:
            raise InputError(
                f"{path}: this part of the export is missing; copy the whole folder again, or "
                "export again. Nothing was imported"
            ) from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        if not same:
            raise InputError(
                f"{path}: this part is damaged: its SHA-256 is not the one in {NAME}; copy the "
                "folder again, or export again. Nothing was imported"
            )
        heed(number)

"""What a run did, and what the collection then holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmembed.collection.collection import Collection
from mmembed.ingest import Report
from tests.folder_store import folder_store

MakePicture = Callable[..., Path]
Index = Callable[..., Report]


def counts(report: Report) -> dict[str, Any]:
    """What a report says beyond its zeros."""
    names = (
        "embedded", "copies", "unchanged", "touched", "moved", "removed", "recaptioned",
        "hidden", "linked", "other", "system", "excluded", "kept_out", "collections",
        "kept_because_empty", "interrupted",
    )  # fmt: skip
    found = {name: getattr(report, name) for name in names if getattr(report, name)}
    return {**found, **({"failures": len(report.failures)} if report.failures else {})}


def ids(collection: Collection) -> dict[str, int]:
    """Item ids by file name."""
    return {Path(path).name: one.id for path, one in collection.store.known_files().items()}


def captions(collection: Collection, name: str) -> tuple[str, ...]:
    return collection.store.item(ids(collection)[name]).captions


def tags(collection: Collection, name: str) -> tuple[str, ...]:
    return collection.store.item(ids(collection)[name]).tags


def three(picture: MakePicture) -> list[Path]:
    return [picture(f"{colour}.png", colour) for colour in ("red", "green", "blue")]


def forget_origins(collection: Collection) -> None:
    """As in a folder that the first version of layout 1 has written."""
    with folder_store(collection)._transaction() as db:
        for table in ("caption_sources", "tag_sources", "file_marks"):
            db.execute(f"DELETE FROM {table}")

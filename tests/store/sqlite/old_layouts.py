"""Folders of layout 1, and what is in a catalog."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmembed.store.sqlite import Catalog

ROOT = Path(__file__).parents[3]
LAYOUT_1 = ROOT / "fixtures" / "layout-1"
EXPECTED: dict[str, Any] = json.loads((LAYOUT_1 / "expected.json").read_text())
NAME, KEPT = "catalog.sqlite3", "catalog.layout-1.sqlite3"
MakeFolder = Callable[..., Path]


def rows(folder: Path, sql: str, name: str = NAME) -> list[list[Any]]:
    with closing(sqlite3.connect(folder / name)) as db:
        return [list(row) for row in db.execute(sql)]


def layout_of(folder: Path) -> int:
    return int(rows(folder, "PRAGMA user_version")[0][0])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def items_of(catalog: Catalog) -> list[dict[str, Any]]:
    """Every item with its vector, as in the fixture."""
    found = []
    for listed in catalog.page(after=0, limit=1000, kind=None):
        item = asdict(catalog.item(listed.id))
        vector = catalog.vector_of(listed.id).astype("<f2").tobytes()
        item |= {"tags": list(item["tags"]), "captions": list(item["captions"])}
        item["vector"] = base64.b64encode(vector).decode()
        found.append({key: item[key] for key in EXPECTED["items"][0]})
    return found

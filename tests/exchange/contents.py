"""A collection with everything that can be in one, and how to compare two."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.exchange.flat_rows import to_row
from mmembed.exchange.imported import Imported
from mmembed.exchange.open_export import open_export
from mmembed.exchange.read_store import records
from mmembed.exchange.take_in import TakingIn
from mmembed.exchange.write_export import WantedItems, export_file, export_folder
from mmembed.store.chunks import Chunk
from mmembed.store.entries import CaptionEntry, ImageEntry, KeptOut, Model, Reading, Words
from mmembed.store.protocol import Store
from mmembed.types import Failure, HeaderFacts

MODEL = Model("small", "f" * 64, 8)
OTHER = Model("other", "0" * 64, 4)
HEADER_VERSION = 3
LONG = "first part. second part."
NO_PARTS = ("id", "caption_added", "added")
"""Columns that need not be alike after a merge."""


def vector(seed: int, dim: int = 8) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=dim).astype(np.float16).astype(np.float32)


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def image(number: int, **more: Any) -> ImageEntry:
    """A plain image, whose content and vector are those of its number."""
    values: dict[str, Any] = {
        "path": f"/photos/{number:06}.jpg", "sha256": sha(f"image {number}"),
        "embedding": vector(number), "width": 40, "height": 30, "bytes": 1000 + number,
        "format": "JPEG", "mtime_ns": 1_700_000_000_000_000_001 + number, "added": 1_600_000_000,
        "header": HeaderFacts(), "header_read": HEADER_VERSION,
        "reading": Reading(Words(), lambda source: True),
    }  # fmt: skip
    return ImageEntry(**{**values, **more})


def caption(text: str, seed: int) -> CaptionEntry:
    return CaptionEntry(text, vector(seed), added=1_600_000_001)


def long_caption() -> CaptionEntry:
    chunks = (Chunk(0, 12, vector(901)), Chunk(12, len(LONG), vector(902)))
    return CaptionEntry(LONG, None, chunks, added=1_600_000_002)


def fill(store: Store, uploads: bool = True) -> None:
    """Write images with all that may be said of them, and captions of no image."""
    store.claim(MODEL)
    said = Words(
        {"a dog": {"", "/photos/a.csv"}, LONG: {"/photos/0.txt"}},
        {"dog": {""}, "snow": {"/photos/a.csv", "/photos/0.txt"}},
        {"/photos/a.csv": '{"author": "ann", "stars": 5}'},
    )
    hashes = {"hashes": bytes(range(250, 256))}
    header = HeaderFacts(taken="2024-05-01T10:00:00.250", taken_offset=120, camera="C",
                         latitude=48.5, longitude=-7.25)  # fmt: skip
    described = image(0, captions=(caption("a dog", 900), long_caption()), header=header,
                      reading=Reading(said, lambda source: True), **hashes)  # fmt: skip
    copy = image(1, path="/photos/copy «é».jpg", header_read=1)
    store.write([described, image(1), copy, *map(image, range(2, 12))])
    store.update(store.caption_items_of([first_id(store)])[first_id(store)][0].id, tags=["good"])
    alone = [(caption("a caption alone", 903), ["t"]), (long_caption(), ())]
    store.write_captions(alone)
    store.write([], [Failure("/photos/bad.jpg", "ImageError", "bad.jpg: broken")])
    store.keep_out({"/photos/private": KeptOut(None), "/photos/gone.jpg": KeptOut(sha("g"), 7)})
    store.index_field("author")
    store.put_records("label_set", {"places": b"\0 any bytes", "é": b""})
    store.put_records("map", {"": b"m"})
    tags = [(first_id(store), "dog", 0.1), (first_id(store), "animal", 0.123456789)]
    store.replace_automatic_tags("animals", tags)
    store.add_embeddings("image", {sha("image 3"): vector(3, 4)}, OTHER)
    if uploads:
        keep_upload(store, b"the bytes of a picture")


def keep_upload(store: Store, data: bytes) -> None:
    digest = hashlib.sha256(data).hexdigest()
    with store.blobs.keeping(digest, ".png", data) as upload:
        store.write([image(50, path=upload.path, sha256=digest, tags=("mine",), reading=None)])


def first_id(store: Store) -> int:
    return store.images_at(["/photos/000000.jpg"])["/photos/000000.jpg"].item_id


def contents(store: Store) -> dict[str, Any]:
    """All that a store holds, but for ids, and for the places of uploads."""
    rows = dict(_rows(store))
    further = store.embeddings_of("image", [sha("image 3")], OTHER)
    return {
        "rows": rows,
        "models": store.models(),
        "further": {key: row.tolist() for key, row in further.items()},
        "failures": store.failures(),
        "kept out": store.kept_out(),
        "records": {kind: store.records(kind) for kind in store.record_kinds()},
        "label sets": store.automatic_label_sets(),
        "indexed": [one.name for one in store.fields() if one.indexed],
    }


def _rows(store: Store) -> Iterator[tuple[str, Any]]:
    for some in records(store, header_version=HEADER_VERSION):
        for record in some:
            row = to_row(record, MODEL)
            del row["id"]
            if row.get("upload"):
                row["path"] = Path(row["path"]).name
            yield row.get("path") or row["captions"][0], plain(row)


def plain(value: Any) -> Any:
    """Embeddings as lists, which can be compared."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def quietly(*_: object) -> None:
    """No progress is shown."""


def dump(store: Store, to: Path, form: str, wanted: WantedItems | None = None) -> Path:
    """Export to a folder of parts in a format, or to a file whose ending names it."""
    wanted = wanted or WantedItems(header_version=HEADER_VERSION)
    if to.suffix:
        export_file(store, to, wanted, quietly)
    else:
        export_folder(store, to, form, wanted, quietly)
    return to


def load(store: Store, source: Path) -> Imported:
    return TakingIn(store, open_export(source)).run(quietly, quietly)

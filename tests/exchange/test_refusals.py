"""Exports that are no use are refused whole, and rows that are no use fail alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.errors import InputError, ModelMismatch
from mmembed.exchange.flat_rows import to_row
from mmembed.exchange.jsonl import JsonlWriter
from mmembed.exchange.open_export import open_export
from mmembed.exchange.records import ImageRecord
from mmembed.store.protocol import Store
from tests.exchange.conftest import NewStore
from tests.exchange.contents import MODEL, dump, fill, image, load


@pytest.fixture
def exported(new_store: NewStore, tmp_path: Path) -> Path:
    """The folder of an export."""
    first = new_store("memory")
    fill(first)
    return dump(first, tmp_path / "export", ".jsonl")


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def damage(folder: Path) -> None:
    part = folder / "items-00001.jsonl"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "damaged": (damage, r"items-00001\.jsonl: this part is damaged.*Nothing was imported"),
    "missing": (lambda folder: (folder / "items-00001.jsonl").unlink(), "part .* is missing"),
    "newer": (lambda folder: edit(folder, lambda m: m.update(version=2)), "newer mmembed.*upgrade"),
    "not ended": (lambda folder: edit(folder, lambda m: m.update(complete=False)), "did not end"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), "has no manifest.json"),
    "another's": (lambda folder: edit(folder, lambda m: m.update(format="x")), "is no manifest"),
    "led astray": (
        lambda folder: edit(folder, lambda m: m["parts"][0].update(name="../secret.jsonl")),
        "is no manifest",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_export_is_refused(exported: Path, fault: str) -> None:
    make, message = FAULTS[fault]
    make(exported)
    with pytest.raises(InputError, match=message):
        open_export(exported)


def test_another_model_is_refused_and_nothing_is_written(
    exported: Path, new_store: NewStore
) -> None:
    store = new_store("memory")
    store.claim(replace(MODEL, name="large", fingerprint="1" * 64))
    with pytest.raises(ModelMismatch, match="holds vectors of small, and memory those of large"):
        load(store, exported)
    assert store.count() == 0
    store = new_store("memory")
    store.claim(replace(MODEL, fingerprint="1" * 64))
    with pytest.raises(ModelMismatch, match="another version of small"):
        load(store, exported)


def test_only_a_new_folder_is_written_to(exported: Path, new_store: NewStore) -> None:
    store = new_store("memory")
    fill(store)
    with pytest.raises(InputError, match="holds an export already"):
        dump(store, exported, ".jsonl")
    edit(exported, lambda manifest: manifest.update(complete=False))
    (exported / "items-00009.jsonl").touch()
    load(new_store("memory"), dump(store, exported, ".jsonl"))
    assert not (exported / "items-00009.jsonl").exists()
    with pytest.raises(InputError, match="is not empty"):
        dump(store, exported.parent, ".jsonl")


# -- single rows ---------------------------------------------------------------------


def rows_of(count: int) -> list[dict[str, Any]]:
    return [to_row(ImageRecord(number, image(number)), MODEL) for number in range(count)]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    with open(path, "wb") as file:
        JsonlWriter(file).write(rows)
    return path


def spoilt(value: float) -> Any:
    return np.array([value] + [1.0] * 7, np.float32)


FAULTY_ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "NaN": ({"embedding": spoilt(np.nan)}, "not finite"),
    "infinite as float16": ({"embedding": [1e6, *[1.0] * 7]}, "too large for float16"),
    "zero": ({"embedding": np.zeros(8, np.float32)}, "is zero"),
    "length": ({"embedding": np.ones(7, np.float32)}, "has 7 numbers, and those of the model"),
    "no numbers": ({"embedding": "§"}, "no list of numbers"),
    "model": ({"fingerprint": "e" * 64, "model": "large"}, "is of the model 'large'"),
    "no fingerprint": ({"fingerprint": None}, "without the fingerprint"),
    "no embedding": ({"embedding": None}, "has no embedding"),
    "no path": ({"path": None}, "has no path"),
    "relative path": ({"path": "a.jpg"}, "not absolute"),
    "no size": ({"width": None}, "has no width"),
    "sha256": ({"sha256": "abc"}, "no SHA-256"),
    "captions": ({"captions": ["one"]}, "its caption 'one' has no vector"),
    "tags": ({"tags": "a,b"}, "tags is no list"),
    "sources": ({"tags": ["a", "b"], "tag_sources": [[""]]}, "tag_sources has 1 list, and"),
    "fields": ({"fields": ["[1]"], "field_sources": [""]}, "JSON object"),
    "time": ({"taken": "yesterday"}, "no time such as"),
    "upload": ({"upload": True, "path": "/none/x.png"}, "neither in the export nor at its path"),
}


@pytest.fixture
def claimed(new_store: NewStore) -> Store:
    store = new_store("memory")
    store.claim(MODEL)
    return store


@pytest.mark.parametrize("fault", FAULTY_ROWS)
def test_a_faulty_row_fails_alone(claimed: Store, tmp_path: Path, fault: str) -> None:
    change, message = FAULTY_ROWS[fault]
    rows = rows_of(3)
    rows[1].update(change)
    report = load(claimed, write(tmp_path / "rows.jsonl", rows))
    assert (report.added, report.failed) == (2, 1)
    assert claimed.count("image") == 2
    [failure] = report.failures
    assert re.search(message, failure.message), failure.message


def test_lines_that_are_no_rows_fail_alone(claimed: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", rows_of(2))
    path.write_bytes(path.read_bytes() + b'{"half": \n\n[1]\n')
    report = load(claimed, path)
    assert (report.rows, report.added, report.failed) == (4, 2, 2)
    assert [failure.name for failure in report.failures] == [
        "rows.jsonl, row 3",
        "rows.jsonl, row 4",
    ]


def test_vectors_made_elsewhere_are_taken(claimed: Store, tmp_path: Path) -> None:
    """By pandas, say: float64 lists, and only the columns that are needed."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    needed = ("path", "sha256", "width", "height", "bytes", "format", "mtime_ns", "fingerprint")
    rows = [{name: row[name] for name in needed} for row in rows_of(3)]
    vectors = [image(number).embedding for number in range(3)]
    for row, vector in zip(rows, vectors, strict=True):
        row |= {"embedding": np.asarray(vector, np.float64).tolist(), "tags": ["new"]}
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    report = load(claimed, tmp_path / "rows.parquet")
    assert (report.added, report.failed) == (3, 0)
    [item] = claimed.page(after=0, limit=1, kind="image")
    assert item.tags == ("new",)
    assert np.array_equal(claimed.vector_of(item.id), np.asarray(vectors[0]))
    empty = claimed.__class__(tmp_path / "other")  # type: ignore[call-arg]
    with pytest.raises(InputError, match="no column names the model"):
        load(empty, tmp_path / "rows.parquet")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"path\n", "mmembed index FOLDER --captions a.csv"),
        ("a.txt", b"", "ends with .parquet or .jsonl"),
        ("a.parquet", b"PAR1 and nothing else", "cannot be read as Parquet"),
    ],
)
def test_other_files_are_refused(
    claimed: Store, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load(claimed, tmp_path / name)

"""Columns of manifests that are no file, caption or tag become fields, and follow the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import LimitError, NotFound, QueryError
from mmembed.filters.fields import spelling
from mmembed.filters.parse import parse_where
from mmembed.ingest import Report
from mmembed.ingest.manifest_fields import FurtherFields
from mmembed.ingest.manifests import read_manifest

MakePicture = Callable[..., Path]
Index = Callable[..., Report]


def fields_in(path: Path) -> dict[str, Any]:
    """The fields of the one picture that a manifest names."""
    [words] = read_manifest(path).values()
    fields: dict[str, Any] = json.loads(words.fields)
    return fields


def passing(collection: Collection, words: str) -> list[str]:
    page = collection.store.page(after=0, limit=99, kind="image", where=parse_where(words))
    return [Path(item.path or "").name for item in page]


def known(collection: Collection) -> dict[str, tuple[str, int, tuple[str, ...], bool]]:
    fields = [field for field in collection.fields() if field.name.startswith("meta.")]
    return {one.name: (one.type, one.items, one.examples, one.indexed) for one in fields}


def write_rows(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_json_lines_keep_their_types(tmp_path: Path) -> None:
    row = {
        "file_name": "a.png", "caption": "x", "tags": ["t"], "author": " Ann ", "stars": 4.5,
        "public": True, "people": ["Ann", "Bob"], "none": None, "blank": " ", "half": "\ud800",
        "at": {"city": "Bonn"},
    }  # fmt: skip
    assert fields_in(write_rows(tmp_path / "rows.jsonl", row)) == {
        "author": "Ann", "stars": 4.5, "public": True, "people": ["Ann", "Bob"], "half": "?",
        "at": {"city": "Bonn"},
    }  # fmt: skip


@pytest.mark.parametrize(("ending", "sign"), [("csv", ","), ("tsv", "\t")])
def test_cells_that_look_like_numbers_are_numbers(tmp_path: Path, ending: str, sign: str) -> None:
    path = tmp_path / f"rows.{ending}"
    head = sign.join(["file", "year", "share", "id", "label", "empty"])
    path.write_text(f"{head}\n{sign.join(['a.png', '2024', '-0.5', '007', 'cat', ' '])}\n")
    assert fields_in(path) == {"year": 2024, "share": -0.5, "id": "007", "label": "cat"}


def test_parquet_has_fields_but_no_embeddings(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "file_name": ["a.png"], "author": ["Ann"], "stars": [4], "people": [["Ann", "Bob"]],
        "vector": [[0.5, 0.25]], "raw": [b"\0"], "at": [{"city": "Bonn"}],
    }  # fmt: skip
    parquet.write_table(pyarrow.table(columns), tmp_path / "rows.parquet")
    expected = {"author": "Ann", "stars": 4, "people": ["Ann", "Bob"]}
    assert fields_in(tmp_path / "rows.parquet") == expected


def test_of_two_rows_the_first_says_a_field(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"file": "a.png", "n": 1},
        {"file": "a.png", "n": 2, "m": 3},
        {"file": "a.png"},
    ]
    assert fields_in(write_rows(tmp_path / "rows.jsonl", *rows)) == {"n": 1, "m": 3}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"long": "x" * 4000}, "field 'long': a value of 4,002 characters, limit 4,000"),
        ({"n" * 101: 1}, "a name of 101 characters, limit 100"),
        ({'a"b': 1}, "its name holds a quotation mark"),
        ({"a\0b": 1}, "its name holds a quotation mark, a backslash or a control character"),
        ({"a\ud800": 1}, "its name holds half of a surrogate pair"),
        ({"n": 2**63}, "field 'n': a whole number beyond 64 bits; write it as a text, in quotes"),
        ({"n": 10**5000}, "field 'n': a whole number beyond 64 bits"),
        ({"n": [{"m": -(10**5000)}]}, "field 'n': a whole number beyond 64 bits"),
        ({f"f{i:02}": i for i in range(65)}, "field 'f64': over 64 fields of one picture"),
    ],
)
def test_a_field_that_cannot_be_kept_is_named_once(row: dict[str, object], said: str) -> None:
    further = FurtherFields(frozenset({"file"}), typed=True)
    kept = [further.of({"file": "a.png", **row, "f00": 0}) for _ in range(2)]
    assert [json.loads(one)["f00"] for one in kept] == [0, 0]
    assert [said in str(fault) for fault in further.faults()] == [True]
    assert list(further.faults()) == []


def test_a_value_is_kept_without_the_character_that_sqlite_ends_texts_at(tmp_path: Path) -> None:
    row: dict[str, object] = {
        "file": "a.png",
        "a": "x\0y",
        "b": ["\0z"],
        "c": {"k\0": "v\0"},
        "d": "\0",
    }
    kept = fields_in(write_rows(tmp_path / "rows.jsonl", row))
    assert kept == {"a": "xy", "b": ["z"], "c": {"k": "v"}}


def test_fields_follow_the_file(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("a.png")
    picture("b.png", "blue")
    manifest = write_rows(
        photos / "metadata.jsonl",
        {"file": "a.png", "author": "Ann", "stars": 5, "old": 1},
        {"file": "b.png", "author": "Bob"},
    )
    index()
    assert passing(collection, "meta.author=Ann meta.stars>4") == ["a.png"]
    assert known(collection) == {
        "meta.author": ("text", 2, ("Ann", "Bob"), False),
        "meta.old": ("number", 1, ("1",), False),
        "meta.stars": ("number", 1, ("5",), False),
    }
    zoe: dict[str, object] = {"file": "a.png", "author": "Zoe", "place": "Bonn"}
    other = write_rows(photos / "captions.jsonl", zoe)
    write_rows(manifest, {"file": "a.png", "author": "Eve", "stars": 4})
    assert index().unchanged == 2
    assert passing(collection, "meta.author=Zoe meta.place=Bonn meta.stars=4") == ["a.png"]
    assert passing(collection, "has:meta.old or meta.author=Bob") == []
    other.unlink()
    index()
    assert passing(collection, "meta.author=Eve -has:meta.place") == ["a.png"]
    manifest.unlink()
    index()
    assert known(collection) == {}


def test_a_field_is_indexed_on_request(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("a.png")
    names = ["it's", *(f"n{i}" for i in range(20))]
    write_rows(photos / "metadata.jsonl", {"file": "a.png", **dict.fromkeys(names, 1)})
    index()
    collection.index_field("meta.it's")
    collection.index_field("meta.it's")
    assert [name for name, (*_, indexed) in known(collection).items() if indexed] == ["meta.it's"]
    assert passing(collection, 'meta."it\'s">0') == ["a.png"]
    with pytest.raises(QueryError, match=r"meta\.nope: no field of a manifest; known are meta\.it"):
        collection.index_field("meta.nope")
    for i in range(19):
        collection.index_field(f"meta.n{i}")
    with pytest.raises(LimitError, match="20 fields have an index, limit 20"):
        collection.index_field("meta.n19")
    collection.drop_field_index("meta.it's")
    with pytest.raises(NotFound, match="has no index"):
        collection.drop_field_index("meta.it's")
    collection.index_field("meta.n19")
    assert collection.store.troubles() == []


def test_private_pictures_of_a_csv_stay_out(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        picture(name, seed=seed)
    rows = "file,private,id\na.png,true,1234567890123456\nb.png,TRUE,1e5\nc.png,false,.5\n"
    (photos / "metadata.csv").write_text(rows)
    index()
    assert passing(collection, "not meta.private:true") == ["c.png"]
    assert passing(collection, "meta.private:true") == ["a.png", "b.png"]
    assert passing(collection, 'meta.private!="true"') == ["c.png"]
    assert passing(collection, "meta.id:1234567890123456") == ["a.png"]
    assert passing(collection, "meta.id:1e5 or meta.id:.5") == ["b.png", "c.png"]
    assert passing(collection, "not meta.id>=1") == ["c.png"]


def test_conditions_without_effect_are_said_where_items_pass(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("a.png")
    row: dict[str, object] = {"file": "a.png", "private": True, "two words": "x", "day": "2024-05"}
    write_rows(photos / "metadata.jsonl", row)
    index()

    def notes(words: str, *, found: bool = True) -> tuple[str, ...]:
        return collection.notes_on(parse_where(words), found=found)

    lacking = "No item has the field meta.privat; manifests brought"
    for words in ("not meta.privat:true", "meta.privat!=1", "kind:image or meta.privat:true",
                  "-has:meta.privat"):  # fmt: skip
        [note] = notes(words)
        assert note.startswith(f'{lacking} meta.day, meta.private, meta."two words"'), words
    for words in ("not meta.private:true", 'meta."two words"!=y', "not meta.day~2024"):
        assert notes(words) == (), words
    [note] = notes("not meta.day>=2024")
    assert note == (
        "No item has a value of meta.day that is a number; the values are of the type text."
    )
    [note] = notes("meta.private:5", found=False)
    assert note.endswith("that is a number; the values are of the type true or false.")


def test_a_field_is_named_as_filters_spell_it(
    collection: Collection, index: Index, picture: MakePicture, photos: Path
) -> None:
    picture("a.png")
    names = ("two words", "it's", "x=1", "[0]", "plain")
    write_rows(photos / "metadata.jsonl", {"file": "a.png", **dict.fromkeys(names, "v")})
    index()
    for name in known(collection):
        assert passing(collection, f"{spelling(name)}=v") == ["a.png"]
        assert collection.count("image", parse_where({spelling(name): "v"})) == 1
        assert collection.count("image", parse_where({name: "v"})) == 1
        collection.index_field(spelling(name))
        assert known(collection)[name][3]
        collection.drop_field_index(spelling(name))
    assert spelling("meta.plain") == "meta.plain"


def test_a_second_column_of_file_names_is_a_field(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("file_name,path,image\na.png,scans/7,\n")
    assert fields_in(path) == {"path": "scans/7"}
    row: dict[str, object] = {"file_name": "a.png", "image": {"bytes": "…"}, "n": 1}
    assert fields_in(write_rows(tmp_path / "rows.jsonl", row)) == {"n": 1}

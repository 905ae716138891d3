"""`mmembed search --where` and `mmembed fields`, over the fake encoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.processes import fake
from tests.serving import write_pictures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photos = tmp_path_factory.mktemp("photos")
    write_pictures(photos, ["red", "blue"])
    rows = ({"file": f"{colour}.png", "author": f"Ann {colour}"} for colour in ("red", "blue"))
    (photos / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = tmp_path_factory.mktemp("data")
    finished = fake("index", photos, "--data", folder, "--model", "fake")
    assert finished.returncode == 0, finished.stderr
    return folder


def test_a_filter_narrows_a_search(data: Path) -> None:
    where = 'meta.author="Ann blue" date>=2000'
    finished = fake("search", "red", "--where", where, "--json", "--data", data)
    assert finished.returncode == 0, finished.stderr
    assert [Path(hit["path"]).stem for hit in json.loads(finished.stdout)["hits"]] == ["blue"]
    none = fake("search", "red", "--where", "width>99999", "--data", data)
    assert (none.returncode, none.stdout) == (0, "")
    assert "holds no images that pass width>99999" in none.stderr
    slip = fake("search", "red", "--where", "meta.autor=Ann", "--data", data)
    assert "No item has the field meta.autor; manifests brought meta.author." in slip.stderr


def test_a_filter_that_cannot_be_read_is_wrong_use_and_shows_the_place(data: Path) -> None:
    finished = fake("search", "red", "--where", "tag:a colour:red", "--data", data)
    assert finished.returncode == 2
    first, line, caret = finished.stderr.rstrip("\n").split("\n")
    assert first.startswith("mmembed: where, column 7: unknown field 'colour'; known fields are")
    assert (line, caret) == ("  tag:a colour:red", "        ^")


def test_fields_are_listed_and_indexed(data: Path) -> None:
    listed = fake("fields", "--data", data)
    assert listed.returncode == 0, listed.stderr
    rows = {line.split()[0]: line.split(maxsplit=3)[1:] for line in listed.stdout.splitlines()}
    assert rows["width"] == ["number", "2"]
    assert rows["meta.author"] == ["text", "2", "Ann blue, Ann red"]
    indexed = fake("fields", "--index", "meta.author", "--json", "--data", data)
    fields = {one["name"]: one for one in json.loads(indexed.stdout)["fields"]}
    assert fields["meta.author"]["indexed"] is True
    unknown = fake("fields", "--index", "author", "--data", data)
    assert unknown.returncode == 2
    assert "author: no field of a manifest; known are meta.author" in unknown.stderr
    dropped = fake("fields", "--drop-index", "meta.author", "--data", data)
    assert dropped.returncode == 0
    again = fake("fields", "--drop-index", "meta.author", "--data", data)
    assert "meta.author: the field has no index" in again.stderr


def test_the_help_of_search_teaches_filters() -> None:
    shown = fake("search", "--help").stdout
    assert shown.count("--where '") == 3
    assert "meta.NAME" in shown


def test_a_filter_given_twice_is_wrong_use(data: Path) -> None:
    finished = fake("search", "red", "--where", "tag:a", "--where", "tag:b", "--data", data)
    assert finished.returncode == 2
    assert "--where: given twice; join both with a space" in finished.stderr


def test_the_help_of_index_says_what_other_columns_become() -> None:
    assert "meta.NAME" in fake("index", "--help").stdout

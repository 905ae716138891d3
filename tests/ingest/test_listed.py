"""Manifests that are indexed themselves: each row is a picture, by path or address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import InputError, ManifestError
from mmembed.filters.parse import parse_where
from tests.conftest import MakePicture, OpenCollection
from tests.fetch.sites import Site, running_site
from tests.ingest.outcomes import counts
from tests.tars import png

HOST = "localhost"


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        for colour in ("red", "blue"):
            site.answers[f"/{colour}.png"] = lambda handler, colour=colour: handler.say(  # type: ignore[misc]
                png(colour), Last_Modified="Tue, 14 Nov 2023 22:13:20 GMT"
            )
        site.answers["/private.png"] = lambda handler: handler.send_error(403)
        site.answers["/long.png"] = lambda handler: handler.say(b"x" * 200_000)
        yield site


def listing(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def run(collection: Collection, *places: Path | str, **options: Any) -> Any:
    return collection.index(list(places), progress=lambda *_: None, **options)


def test_paths_in_a_manifest_are_indexed(
    open_collection: OpenCollection, picture: MakePicture, photos: Path, tmp_path: Path
) -> None:
    red, blue = picture("in/red.png", "red"), picture("blue.png", "blue")
    picture("in/green.png", "green")
    rows: list[dict[str, Any]] = [
        {"file_name": "photos/in/red.png", "caption": "the red one", "year": 2024},
        {"path": str(blue)},
        {"path": "photos/missing.png"},
        {"caption": "no file"},
    ]
    collection = open_collection()
    names = listing(tmp_path / "names.jsonl", *rows)
    report = run(collection, names)
    assert counts(report) == {"embedded": 2, "failures": 2}
    assert sorted(collection.store.known_files()) == sorted(map(str, (red, blue)))
    assert collection.count("image", parse_where("meta.year=2024")) == 1
    assert report.empty == []
    listing(names, rows[1])
    assert counts(run(collection, names)) == {"unchanged": 1}
    assert len(collection.store.known_files()) == 2, "a row that is gone takes nothing away"
    blue.unlink()
    assert counts(run(collection, names)) == {"failures": 1}
    assert len(collection.store.known_files()) == 2


def test_addresses_are_fetched_once_and_only_if_that_is_allowed(
    open_collection: OpenCollection, site: Site, tmp_path: Path
) -> None:
    urls = [site.url(f"/{name}.png", HOST) for name in ("red", "blue", "private", "gone", "long")]
    names = listing(tmp_path / "urls.jsonl", *({"url": url, "caption": "c"} for url in urls))
    closed = open_collection()
    with pytest.raises(ManifestError, match="MMEMBED_FETCH_URLS=on"):
        run(closed, names)
    with pytest.raises(InputError, match="MMEMBED_FETCH_URLS=on"):
        run(closed, urls[0])
    assert site.asked == []
    private = open_collection(fetch_urls=True)
    report = run(private, names)
    assert {one.code for one in report.failures} == {"ImageError"}
    assert all("not on the public internet" in one.message for one in report.failures)
    assert site.asked == [], "private hosts stay closed"
    opened = open_collection(fetch_urls=True, fetch_allow=(HOST,), max_image_mb=0.1)
    report = run(opened, names)
    assert report.embedded == 2
    failed = {one.name.rpartition("/")[2]: one.message for one in report.failures}
    assert failed.keys() == {"private.png", "gone.png", "long.png"}
    assert "answered 403" in failed["private.png"]
    assert "answered 404" in failed["gone.png"]
    assert failed["private.png"].count("http://") == 1
    known = opened.store.known_files()
    item = opened.item(known[urls[0]].id)
    assert (item.captions, item.date[:10] if item.date else "") == (("c",), "2023-11-14")
    assert opened.count("image", parse_where(f"folder:{site.url('', HOST)}")) == 2
    before = len(site.asked)
    assert run(opened, names).unchanged == 2
    assert {path for path, _ in site.asked[before:]} == {"/private.png", "/gone.png", "/long.png"}
    site.answers["/red.png"] = lambda handler: handler.say(png("green"))
    assert run(opened, names, rehash=True).embedded == 1
    with opened.original(item.id).file as file:
        assert file.read() == png("green")
    assert run(opened, urls[1]).unchanged == 1, "an address of its own"


def test_an_address_that_makes_no_sense_fails_alone(
    open_collection: OpenCollection, picture: MakePicture, tmp_path: Path
) -> None:
    picture("red.png", "red")
    rows = [{"url": "photos/red.png"}, {"url": "https://a\u0001b/c.png"}]
    names = listing(tmp_path / "names.jsonl", *rows)
    report = run(open_collection(), names)
    assert (report.embedded, len(report.failures)) == (1, 1)
    listing(names, {"url": "ftp://host/a.png"})
    with pytest.raises(ManifestError, match=r"ftp://host/a\.png"):
        run(open_collection(), names)

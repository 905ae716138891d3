"""Pictures in tars on the web are indexed where they lie, by range requests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import InputError, NotFound
from mmembed.filters.parse import parse_where
from mmembed.sources import sources
from tests.conftest import OpenCollection
from tests.fetch.sites import Site, in_parts, running_site
from tests.ingest.outcomes import counts
from tests.tars import packed, png

HOST = "localhost"
SHARD = packed(
    {
        "000/red.png": png("red"),
        "000/red.txt": "a red one",
        "000/blue.png": png("blue"),
        "000/blue.json": json.dumps({"caption": "a blue one", "tags": ["sea"]}),
    }
)


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        site.answers["/a/shard-0.tar"] = in_parts(SHARD, ETag='"1"')
        yield site


@pytest.fixture
def at(site: Site) -> str:
    return site.url("/a/shard-0.tar", HOST)


@pytest.fixture
def opened(open_collection: OpenCollection) -> Collection:
    return open_collection(fetch_urls=True, fetch_allow=(HOST,))


def run(collection: Collection, *places: str) -> Any:
    return collection.index(list(places), progress=lambda *_: None)


def messages(failures: Sequence[Any]) -> str:
    return " | ".join(f"{one.name}: {one.message}" for one in failures)


def test_a_tar_on_the_web_gives_its_pictures_with_their_texts(
    opened: Collection, site: Site, at: str
) -> None:
    assert counts(run(opened, at)) == {"embedded": 2}
    known = opened.store.known_files()
    red, blue = (opened.item(known[f"{at}/000/{name}.png"].id) for name in ("red", "blue"))
    assert (red.captions, blue.captions, blue.tags) == (("a red one",), ("a blue one",), ("sea",))
    assert opened.count("image", parse_where(f"folder:{at}/000")) == 2
    with opened.original(red.id).file as file:
        assert file.read() == png("red")
    before = len(site.asked)
    assert counts(run(opened, at)) == {"unchanged": 2}
    assert len(site.asked) == before + 1, "its version alone"
    assert opened.remove_path(f"{at}/000").images == 2


def test_another_version_is_listed_and_read_again(opened: Collection, site: Site, at: str) -> None:
    run(opened, at)
    red = opened.store.known_files()[f"{at}/000/red.png"].id
    other = packed({"000/red.png": png("green"), "000/new.png": png("pink")})
    site.answers["/a/shard-0.tar"] = in_parts(other, ETag='"2"')
    with pytest.raises(NotFound, match="has changed since"):
        opened.original(red)
    assert counts(run(opened, at)) == {"embedded": 2, "removed": 1}
    with opened.original(red).file as file:
        assert file.read() == png("green")


@pytest.mark.parametrize("status", [404, 500])
def test_a_tar_that_cannot_be_asked_takes_nothing_away(
    opened: Collection, site: Site, at: str, status: int
) -> None:
    run(opened, at)
    site.answers["/a/shard-0.tar"] = lambda handler: handler.send_error(status)
    report = run(opened, at)
    assert messages(report.failures).count(f"answered {status}") == 1
    assert len(opened.store.known_files()) == 2


def test_a_host_without_parts_says_what_to_do(opened: Collection, site: Site, at: str) -> None:
    site.answers["/a/shard-0.tar"] = lambda handler: handler.say(SHARD)
    said = messages(run(opened, at).failures)
    assert "sends no parts of files; download the file" in said
    assert said.count("http://") == 2, "the name of the failure, and its message"


def test_one_member_is_over_a_limit(open_collection: OpenCollection, site: Site, at: str) -> None:
    files = {"big.png": png("red") + b"x" * 200_000, "small.png": png("blue")}
    site.answers["/a/shard-0.tar"] = in_parts(packed(files))
    small = open_collection(fetch_urls=True, fetch_allow=(HOST,), max_image_mb=0.1)
    report = run(small, at)
    assert counts(report) == {"embedded": 1, "failures": 1}
    assert "big.png" in report.failures[0].name


def test_large_tars_are_listed_in_parts(
    opened: Collection, site: Site, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "WEB_AT_ONCE", 2_000)
    files = {f"{size:02}.png": png("red", 16 + size) for size in range(20)}
    site.answers["/a/shard-0.tar"] = in_parts(packed(files))
    assert counts(run(opened, at)) == {"embedded": 20}


def test_private_hosts_and_signed_addresses_are_refused(
    open_collection: OpenCollection, opened: Collection, site: Site, at: str
) -> None:
    with pytest.raises(InputError, match="MMEMBED_FETCH_URLS=on"):
        run(open_collection(), at)
    with pytest.raises(InputError, match="without a query") as error:
        run(opened, f"{at}?signature=secret")
    assert "secret" not in str(error.value)
    private = open_collection(fetch_urls=True)
    assert "not on the public internet" in messages(run(private, at).failures)
    assert site.asked == []


def test_a_picture_of_the_web_below_a_tar_stays_one(
    opened: Collection, site: Site, at: str
) -> None:
    """Some hosts unpack tars themselves."""
    site.answers["/a/shard-0.tar/x.png"] = lambda handler: handler.say(png("pink"))
    assert counts(run(opened, f"{at}/x.png")) == {"embedded": 1}
    [item] = opened.store.known_files().values()
    with opened.original(item.id).file as file:
        assert file.read() == png("pink")

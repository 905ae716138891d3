"""A collection is explored on any store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection
from mmembed.errors import NotFound
from mmembed.filters.parse import parse_where

MakePicture = Callable[..., Path]


def index(collection: Collection, folder: Path) -> None:
    collection.index([folder], progress=lambda *_: None)


def test_the_map_follows_pictures_that_come_change_and_go(
    collection: Collection, picture: MakePicture, photos: Path
) -> None:
    with pytest.raises(NotFound, match="no pictures"):
        collection.make_map()
    for colour in ("red", "blue", "green", "white"):
        picture(f"{colour}.png", colour)
    index(collection, photos)
    made = collection.make_map(method="pca")
    tag = collection.map_tag()
    assert (len(made.map), made.new, made.waiting) == (4, 0, 0)
    assert (collection.map().map.points == made.map.points).all()
    where = dict(zip(made.map.ids.tolist(), made.map.points.tolist(), strict=True))
    by_name = {Path(item.path or "").stem: item.id for item in collection.items(limit=9)}
    picture("cyan.png", "cyan")
    picture("white.png", "blue", seed=3)
    (photos / "green.png").unlink()
    index(collection, photos)
    assert collection.map_tag() != tag
    now = collection.map()
    after = dict(zip(now.map.ids.tolist(), now.map.points.tolist(), strict=True))
    assert (now.pictures, len(now.map), now.gone) == (4, 4, 1)
    assert by_name["green"] not in after
    assert after[by_name["red"]] == where[by_name["red"]]
    assert after[by_name["white"]] != where[by_name["white"]]
    kept = collection.make_map()
    assert kept.map.facts.version == made.map.facts.version
    assert collection.map().new == 0


def test_groups_and_strays_heed_filters(
    collection: Collection, picture: MakePicture, photos: Path
) -> None:
    for number in range(4):
        picture(f"red-{number}.png", "red", seed=number + 1)
    picture("blue.png", "blue")
    index(collection, photos)
    [level] = collection.clusters(count=2).levels
    assert [one.size for one in level] == [4, 1]
    found = collection.outliers(count=1)
    [stray] = found.found
    assert Path(found.items[stray.item_id].path or "").name == "blue.png"
    assert collection.clusters(where=parse_where("path~blue")).pictures == 1

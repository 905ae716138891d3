"""`/v1/map`, `/v1/clusters` and `/v1/outliers`"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from mmembed.explore.map.varints import unpacked
from tests.serving import PATIENCE_S, add, error_of, serving, write_pictures

JSON = dict[str, Any]
COLOURS = ["red", "orange", "blue", "cyan", "green", "black", "white", "grey", "pink", "purple"]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    photos = write_pictures(tmp_path / "photos", COLOURS)
    with serving(tmp_path / "data") as (client, collection):
        collection.index([photos], progress=lambda *_: None)
        yield client


def ids_of(answer: JSON) -> list[int]:
    found: list[int] = unpacked(base64.b64decode(answer["ids"])).tolist()
    return found


def points_of(answer: JSON) -> list[tuple[int, int]]:
    x, y = (np.frombuffer(base64.b64decode(answer[axis]), "<u2").tolist() for axis in "xy")
    return list(zip(x, y, strict=True))


def made(client: TestClient, **body: Any) -> JSON:
    """The map, once it is made."""
    answer = client.post("/v1/map", json={"method": "pca", **body})
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] in ("making", "ready")
    until = time.monotonic() + PATIENCE_S
    while (state := client.get("/v1/map/state").json())["state"] != "ready":
        assert time.monotonic() < until, state
        assert state["error"] is None
        time.sleep(0.01)
    found: JSON = client.get("/v1/map").json()
    return found


def test_a_map_is_made_beside_other_work_and_kept(client: TestClient) -> None:
    assert "POST /v1/map" in error_of(client.get("/v1/map"), 404)
    assert client.get("/v1/map/state").json()["state"] == "none"
    found = made(client)
    assert (found["placed"], found["pictures"], found["new"], found["gone"]) == (10, 10, 0, 0)
    assert found["reducer"] == "PCA"
    assert len(ids_of(found)) == len(points_of(found)) == 10
    assert sum(one["size"] for one in found["levels"][0]) == 10
    assert client.get("/v1/map/state").json()["map"]["fitted"] == 10
    assert made(client)["version"] == found["version"]
    assert made(client, anew=True)["version"] != found["version"]


def test_an_unchanged_map_is_not_sent_again(client: TestClient) -> None:
    made(client)
    tag = client.get("/v1/map").headers["etag"]
    same = client.get("/v1/map", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    for known in ("*", [("If-None-Match", '"other"'), ("If-None-Match", tag)]):
        headers = {"If-None-Match": known} if isinstance(known, str) else known
        assert client.get("/v1/map", headers=headers).status_code == 304
    add(client, "yellow")
    changed = client.get("/v1/map", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_new_pictures_are_placed_and_removed_ones_leave(client: TestClient) -> None:
    before = made(client)
    where = dict(zip(ids_of(before), points_of(before), strict=True))
    new = add(client, "yellow")["id"]
    gone = ids_of(before)[0]
    assert client.delete(f"/v1/items/{gone}").status_code == 204
    now = client.get("/v1/map").json()
    assert (now["version"], now["new"], now["gone"]) == (before["version"], 1, 1)
    assert (now["pictures"], now["placed"], now["waiting"]) == (10, 10, 0)
    after = dict(zip(ids_of(now), points_of(now), strict=True))
    assert set(after) == set(where) - {gone} | {new}
    assert all(after[one] == where[one] for one in where if one != gone)
    kept = made(client)
    assert (kept["version"], kept["new"], kept["gone"]) == (before["version"], 0, 0)
    assert dict(zip(ids_of(kept), points_of(kept), strict=True)) == after


def test_clusters_have_sizes_and_pictures(client: TestClient) -> None:
    answer = client.get("/v1/clusters?count=4").json()
    [level] = answer["levels"]
    assert sum(one["size"] for one in level) == answer["pictures"] == 10
    assert all(one["representative"]["links"]["thumbnail"] for one in level)
    assert "MMEMBED_BANK" in answer["notes"][0]
    levels = client.get("/v1/clusters").json()["levels"]
    assert [one["parent"] for one in levels[0]] == [None] * len(levels[0])
    assert client.get("/v1/clusters").json()["levels"] == levels


def test_clusters_of_a_filter_and_of_a_search(client: TestClient) -> None:
    answer = client.get("/v1/clusters", params={"where": "path~red"}).json()
    assert answer["pictures"] == 1
    answer = client.get("/v1/clusters", params={"q": "red", "among": 3, "count": 1}).json()
    [[only]] = answer["levels"]
    assert only["size"] == answer["pictures"] == 3
    first = client.get("/v1/items").json()["items"][0]["id"]
    answer = client.get("/v1/clusters", params={"like": first, "among": 20}).json()
    assert answer["pictures"] == 9
    answer = client.get("/v1/clusters", params={"where": "path~nowhere"}).json()
    assert (answer["levels"], answer["pictures"]) == ([], 0)


def test_a_change_is_seen_at_once(client: TestClient) -> None:
    client.get("/v1/clusters")
    add(client, "yellow")
    assert client.get("/v1/clusters").json()["pictures"] == 11
    assert client.get("/v1/outliers").json()["pictures"] == 11


@pytest.mark.parametrize("route", ["clusters", "outliers"])
def test_a_tag_is_seen_at_once(client: TestClient, route: str) -> None:
    first, second, *_ = client.get("/v1/items").json()["items"]
    for count, item in enumerate([first, second], 1):
        client.patch(f"/v1/items/{item['id']}", json={"tags": ["new"]})
        answer = client.get(f"/v1/{route}", params={"where": "tag:new"}).json()
        assert answer["pictures"] == count
    shown = answer["levels"][0][0]["representative"] if route == "clusters" else None
    assert shown is None or shown["tags"] == ["new"]


def test_fewer_outliers_are_the_first_of_more(client: TestClient) -> None:
    several, few = (client.get(f"/v1/outliers?k={k}").json()["outliers"] for k in (7, 3))
    assert [one["id"] for one in several][:3] == [one["id"] for one in few]


def test_outliers_come_with_their_distance(client: TestClient) -> None:
    answer = client.get("/v1/outliers?k=3").json()
    distances = [one["distance"] for one in answer["outliers"]]
    assert len(distances) == 3
    assert distances == sorted(distances, reverse=True)
    assert all(one["links"] and one["nearest"] != one["id"] for one in answer["outliers"])
    assert client.get("/v1/outliers", params={"where": "path~red"}).json()["outliers"] == []


def test_an_empty_collection_has_nothing_to_show(empty: TestClient) -> None:
    assert empty.get("/v1/clusters").json()["levels"] == []
    assert empty.get("/v1/outliers").json()["outliers"] == []
    assert "index some first" in error_of(empty.get("/v1/map"), 404)


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/v1/clusters?count=0", 422, "count"),
        ("/v1/clusters?count=201", 422, "count"),
        ("/v1/clusters?q=", 422, "text is empty"),
        ("/v1/clusters?like=99", 404, "item 99"),
        ("/v1/clusters?q=a&among=1001", 413, "MMEMBED_MAX_K"),
        ("/v1/clusters?where=nofield:1", 422, "nofield"),
        ("/v1/clusters?where=&where=", 422, "where"),
        ("/v1/outliers?k=0", 422, "k"),
        ("/v1/outliers?k=1001", 422, "k"),
    ],
)
def test_what_makes_no_sense_is_named(
    empty: TestClient, address: str, status: int, said: str
) -> None:
    assert said in error_of(empty.get(address), status)


def test_a_map_is_made_by_known_methods(empty: TestClient) -> None:
    assert "method" in error_of(empty.post("/v1/map", json={"method": "umap"}), 422)

"""`/v1/duplicates`: pages of groups, and decisions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmembed.collection.collection import Collection
from tests.photographs import jpeg, photograph
from tests.serving import data_uri, error_of, serving

JSON = dict[str, Any]
SHOTS = 3


pytestmark = pytest.mark.slow  # each indexes pictures


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[TestClient, Collection]]:
    with serving(tmp_path / "data") as pair:
        for seed in range(SHOTS):
            for quality in (95, 40):
                image = data_uri(jpeg(photograph(seed), quality), "jpeg")
                assert pair[0].post("/v1/items", json={"image": image}).status_code == 201
        yield pair


@pytest.fixture
def client(served: tuple[TestClient, Collection]) -> TestClient:
    return served[0]


def listed(client: TestClient, **asked: Any) -> JSON:
    answer = client.get("/v1/duplicates", params=asked)
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()
    return found


def test_groups_come_with_the_picture_to_keep(client: TestClient) -> None:
    page = listed(client, **{"class": "same_shot"})
    assert page["counts"] == {"same_shot": SHOTS}
    assert (page["total"], page["pictures"], page["without_hashes"]) == (SHOTS, 2 * SHOTS, 0)
    for group in page["groups"]:
        assert group["class"] == "same_shot"
        [other] = group["others"]
        assert group["keep"]["bytes"] > other["bytes"] == group["spare_bytes"]
        assert "the largest file" in group["reason"]
        assert other["evidence"]["bits"] < 20
        assert other["links"]["thumbnail"].startswith(f"/v1/items/{other['id']}/")


def test_pages_make_the_whole_list(client: TestClient) -> None:
    whole = listed(client)["groups"]
    pages: list[JSON] = []
    cursor = None
    while True:
        page = listed(client, limit=1, **({"cursor": cursor} if cursor else {}))
        pages += page["groups"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [group["keep"]["id"] for group in pages] == [group["keep"]["id"] for group in whole]


def test_a_page_goes_on_in_its_list_and_a_first_page_is_of_now(
    served: tuple[TestClient, Collection],
) -> None:
    client, collection = served
    first = listed(client, limit=1, **{"class": "same_shot"})
    [gone] = first["groups"]
    collection.remove(gone["keep"]["id"])
    second = listed(client, limit=1, cursor=first["next_cursor"], **{"class": "same_shot"})
    assert second["groups"][0]["keep"]["id"] > gone["keep"]["id"]
    assert listed(client, **{"class": "same_shot"})["total"] == SHOTS - 1


def test_a_filter_narrows_what_is_compared(client: TestClient) -> None:
    page = listed(client, where="width>5000")
    assert (page["groups"], page["pictures"], page["total"]) == ([], 0, 0)


def test_a_tag_that_a_filter_heeds_is_seen_at_once(client: TestClient) -> None:
    assert listed(client, where="tag:new")["pictures"] == 0
    client.patch("/v1/items/1", json={"tags": ["new"]})
    assert listed(client, where="tag:new")["pictures"] == 1


def test_decisions_are_remembered_and_forgotten(client: TestClient) -> None:
    [group, *_] = listed(client, **{"class": "same_shot"})["groups"]
    ids = [group["keep"]["id"], group["others"][0]["id"]]
    answer = client.post("/v1/duplicates", json={"not_duplicates": [ids]})
    assert answer.json() == {"remembered": 1, "forgotten": 0}
    assert listed(client, **{"class": "same_shot"})["total"] == SHOTS - 1
    answer = client.post("/v1/duplicates", json={"forget": [ids]})
    assert answer.json() == {"remembered": 0, "forgotten": 1}
    assert listed(client, **{"class": "same_shot"})["total"] == SHOTS


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"cursor": "x"}, 422, "not a next_cursor"),
        ({"cursor": "9-1"}, 422, "not a next_cursor"),
        ({"limit": 0}, 422, "limit"),
        ({"limit": 10**6}, 413, "MMEMBED_MAX_K"),
        ({"class": "twins"}, 422, "class"),
        ({"where": "nonsense=1"}, 422, "nonsense"),
        ({"move_to": "/tmp"}, 422, "move_to"),
    ],
)
def test_a_request_that_makes_no_sense_says_so(
    client: TestClient, asked: JSON, status: int, said: str
) -> None:
    assert said in error_of(client.get("/v1/duplicates", params=asked), status)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"not_duplicates": [[1]]}, 422),
        ({"not_duplicates": [[1, 1]]}, 422),
        ({"not_duplicates": [[1, 999]]}, 404),
        ({"not_duplicates": "1,2"}, 422),
        ({"not_duplicates": [[1, 2]] * 2000}, 413),
    ],
)
def test_a_decision_that_makes_no_sense_says_so(
    client: TestClient, body: JSON, status: int
) -> None:
    error_of(client.post("/v1/duplicates", json=body), status)
    after_another = {"not_duplicates": [[1, 2], *body["not_duplicates"]]}
    error_of(client.post("/v1/duplicates", json=after_another), status)
    assert listed(client, **{"class": "same_shot"})["total"] == SHOTS, "nothing was remembered"


# -- searches without copies -------------------------------------------------------------


def walked(client: TestClient, **asked: Any) -> list[tuple[int, int]]:
    """Ids and copies of the hits of all pages."""
    hits: list[JSON] = []
    cursor = None
    while True:
        body = {"query": [{"item": 1}], "k": 1, **asked, **({"cursor": cursor} if cursor else {})}
        answer = client.post("/v1/search", json=body)
        assert answer.status_code == 200, answer.text
        hits += answer.json()["hits"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return [(hit["id"], hit["copies"]) for hit in hits]


def test_a_search_may_leave_copies_out(client: TestClient) -> None:
    assert len(walked(client)) == 2 * SHOTS
    assert {copies for _, copies in walked(client)} == {1}
    for k in (1, 2, 5):
        hits = walked(client, collapse=True, k=k)
        assert len(hits) == SHOTS
        assert hits[0] == (1, 2)
        assert len({(item_id - 1) // 2 for item_id, _ in hits}) == SHOTS, "one of each shot"


def test_a_cursor_belongs_to_its_collapse(client: TestClient) -> None:
    asked = {"query": [{"item": 1}], "k": 1, "collapse": True}
    cursor = client.post("/v1/search", json=asked).json()["next_cursor"]
    error_of(client.post("/v1/search", json={**asked, "cursor": cursor, "collapse": False}), 422)
    plain = client.post("/v1/search", json={**asked, "collapse": False}).json()["next_cursor"]
    error_of(client.post("/v1/search", json={**asked, "cursor": plain}), 422)


def test_captions_are_not_collapsed(client: TestClient) -> None:
    asked: JSON = {"q": "red", "kind": "caption", "collapse": True}
    assert "only images" in error_of(client.get("/v1/search", params=asked), 422)

"""`/v1/tags`: the answers, and requests that make no sense."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serving import add

ASKED = {"labels": ["red", "blue"], "label_set": "colours", "compete": True}


@pytest.fixture
def filled(client: TestClient) -> TestClient:
    for colour in ("red", "blue"):
        add(client, colour, tags=["mine"])
    return client


def test_tag_list_and_take_back(filled: TestClient) -> None:
    dry = filled.post("/v1/tags/automatic", json={**ASKED, "dry_run": True}).json()
    assert (dry["written"], dry["tags"]) == (False, 2)
    answer = filled.post("/v1/tags/automatic", json=ASKED).json()
    assert (answer["looked_at"], answer["pictures"], answer["before"]) == (2, 2, 0)
    assert [(one["label"], one["basis"]) for one in answer["labels"]] == [
        ("red", "assumed"), ("blue", "assumed"),
    ]  # fmt: skip
    listed = filled.get("/v1/tags/automatic").json()
    assert listed == {"label_sets": [{"name": "colours", "tags": 2}]}
    items = filled.get("/v1/items", params={"where": "tag:red"}).json()["items"]
    assert [{"mine", "red"} <= set(item["tags"]) for item in items] == [True]
    assert filled.delete("/v1/tags/automatic/colours").status_code == 204
    assert filled.delete("/v1/tags/automatic/colours").status_code == 404
    assert filled.get("/v1/items", params={"where": "tag:red"}).json()["items"] == []


def test_automatic_tags_are_marked_in_answers(filled: TestClient) -> None:
    filled.post("/v1/tags/automatic", json=ASKED)
    [item] = filled.get("/v1/items", params={"where": "tag:red"}).json()["items"]
    [mark] = item["automatic_tags"]
    assert (mark["tag"], mark["label_set"], 0.5 < mark["score"] <= 1) == ("red", "colours", True)
    assert filled.get(f"/v1/items/{item['id']}").json()["automatic_tags"] == [mark]
    hits = filled.get("/v1/search", params={"q": "red"}).json()["hits"]
    assert [mark] in [hit["automatic_tags"] for hit in hits]
    confirmed = filled.patch(f"/v1/items/{item['id']}", json={"tags": ["red"]}).json()
    assert (confirmed["tags"], confirmed["automatic_tags"]) == (["red"], [])


def test_a_tag_that_was_taken_off_does_not_come_back_until_it_may(filled: TestClient) -> None:
    filled.post("/v1/tags/automatic", json=ASKED)
    [item] = filled.get("/v1/items", params={"where": "tag:red"}).json()["items"]
    filled.patch(f"/v1/items/{item['id']}", json={"tags": ["mine"]})
    assert filled.post("/v1/tags/automatic", json=ASKED).json()["tags"] == 1
    listed = filled.get("/v1/tags/rejected").json()
    assert listed["total"] == 1
    assert [(one["item"], one["tag"]) for one in listed["rejected"]] == [(item["id"], "red")]
    assert filled.delete("/v1/tags/rejected").status_code == 422, "a slip must not forget all"
    assert filled.delete("/v1/tags/rejected", params={"tag": ["red", "x"]}).status_code == 204
    assert filled.post("/v1/tags/automatic", json=ASKED).json()["tags"] == 2


def test_a_check(filled: TestClient) -> None:
    answer = filled.post("/v1/tags/check", json={}).json()
    assert answer == {"pictures": 0, "tags": [], "compete": False, "total": 0, "doubts": []}
    answer = filled.post("/v1/tags/check", json={"tags": ["mine"]})
    assert answer.status_code == 422
    assert "a check needs 10" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": []}, "there is none of this name"),
        ({"labels": ["a", "a"]}, "is there twice"),
        ({"threshold": 1}, "less than 1"),
        ({"threshold": 0.5, "precision": 0.5}, "give one of them"),
        ({"labels": ["x"] * 20_000}, "labels"),
        ({"where": "colour:red"}, "colour"),
        ({"compete": False}, "MMEMBED_BANK"),
        ({"nothing": 1}, "nothing"),
        ({"label_set": "a/b"}, "a name has up to 100"),
    ],
)
def test_wrong_requests(filled: TestClient, change: dict[str, Any], message: str) -> None:
    answer = filled.post("/v1/tags/automatic", json={**ASKED, **change})
    assert answer.status_code in (404, 413, 422)
    assert message in answer.json()["detail"]

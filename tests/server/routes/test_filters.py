"""Filters over HTTP: in the address and in bodies, with `tag` and `folder` beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serving import add, error_of, serving

COLOURS = ["red", "orange", "blue"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with serving(tmp_path_factory.mktemp("collection")) as (client, _):
        for colour in COLOURS:
            add(client, colour, caption=f"a {colour} field", tags=[colour, f"not {colour}s"])
        yield client


def colours(answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return {item["caption"].split()[1] for item in body.get("hits") or body["items"]}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("", {"red", "orange", "blue"}),
        ("tag:red,blue", {"red", "blue"}),
        ('-tag:"not reds" caption~FIELD', {"orange", "blue"}),
        ("caption:blue or caption:orange", {"blue", "orange"}),
        ("width>1000", set()),
        ("date>=2000 has:added -has:camera tag^bl", {"blue"}),
    ],
)
def test_words_narrow_searches_and_listings(
    client: TestClient, where: str, expected: set[str]
) -> None:
    asked = {"q": "a field", "where": where}
    if expected:
        assert colours(client.get("/v1/search", params=asked)) == expected
        assert colours(client.post("/v1/search", json=asked)) == expected
    listed = client.get("/v1/items", params={"where": where, "kind": "image"}).json()
    assert {item["caption"].split()[1] for item in listed["items"]} == expected
    assert listed["total"] == len(expected)


def test_bodies_take_json_and_the_older_filter_beside_it(client: TestClient) -> None:
    where = {"or": [{"tag": "red"}, {"field": "tag", "op": "=", "value": "blue"}]}
    body: dict[str, Any] = {"q": "a field", "where": where}
    assert colours(client.post("/v1/search", json=body)) == {"red", "blue"}
    assert colours(client.post("/v1/search", json={**body, "filter": {"tags": ["red"]}})) == {"red"}
    none = client.post("/v1/search", json={**body, "filter": {"folder": "/nowhere"}})
    assert none.json()["hits"] == []
    both = {"q": "a field", "where": "tag:red,blue", "tag": "blue"}
    assert colours(client.get("/v1/search", params=both)) == {"blue"}


def test_errors_name_the_place_and_the_known_fields(client: TestClient) -> None:
    answer = client.get("/v1/items", params={"where": "tag:a colour:red"})
    said = error_of(answer, 422)
    assert said.startswith("where, column 7: unknown field 'colour'; known fields are kind, tag,")
    assert said.endswith("\n  tag:a colour:red\n        ^")
    assert answer.json()["error"]["param"] == "where"
    body = {"q": "x", "where": {"and": [{"tag": "a"}, {"colour": "red"}]}}
    answer = client.post("/v1/search", json=body)
    assert error_of(answer, 422).startswith("where.and[1]: unknown field 'colour'; known fields")
    assert answer.json()["error"]["param"] == "where.and[1]"
    long = client.get("/v1/items", params={"where": "tag:a " * 1700})
    assert "limit 10,000" in error_of(long, 422)


@pytest.mark.parametrize(
    "where",
    [f"width>{'9' * 400}", f"meta.a>{'9' * 5000}", "date:2024-05-03T12+02..2024-05-04",
     "tag:\ud800", {"width": "9" * 400}, {"tag": 10**400}, {"\ud800": 1},
     {"field": "tag", "\ud800": 1}, {"field": "meta.a", "op": "<", "value": True}],
)  # fmt: skip
def test_no_filter_is_a_fault_of_the_server(client: TestClient, where: Any) -> None:
    body = json.dumps({"q": "x", "where": where})
    error_of(client.post("/v1/search", content=body), 422)
    if isinstance(where, str) and where.isascii():
        error_of(client.get("/v1/items", params={"where": where}), 422)


def test_tags_and_a_folder_are_checked_as_in_a_filter(client: TestClient) -> None:
    answer = client.post("/v1/search", json={"q": "x", "filter": {"folder": "photos"}})
    assert "expected the absolute path of a folder" in error_of(answer, 422)
    assert answer.json()["error"]["param"] == "folder"
    error_of(client.get("/v1/search", params={"q": "x", "tag": "a\0"}), 422)
    error_of(client.get("/v1/items", params={"tag": "a\0"}), 422)


def test_listings_say_which_conditions_are_without_effect(client: TestClient) -> None:
    answer = client.get("/v1/items", params={"where": "not meta.nothere:1"}).json()
    assert answer["items"]
    assert answer["notes"] == ["No item has the field meta.nothere; no manifest brought any."]
    searched = client.get("/v1/search", params={"q": "x", "where": "not meta.nothere:1"}).json()
    assert searched["hits"]
    assert answer["notes"][0] in searched["notes"]
    assert client.get("/v1/items", params={"where": "tag:red"}).json()["notes"] == []


def test_a_filter_given_twice_is_refused(client: TestClient) -> None:
    for route in ("/v1/items?", "/v1/search?q=x&"):
        answer = client.get(f"{route}where=tag:a&where=tag:b")
        assert error_of(answer, 422).startswith("where: given twice; join both")
    for where, place in (
        ('{"tag": "a", "tag": "b"}', "where: 'tag' comes twice"),
        ('{"and": [{"tag": "a"}, {"not": {"tag": 1, "tag": 2}}]}', "where.and[1].not: 'tag'"),
        ('{"tag": "a"}, "where": {"tag": "b"}', "where: comes twice in the body"),
    ):
        body = f'{{"q": "x", "where": {where}}}'
        headers = {"content-type": "application/json"}
        answer = client.post("/v1/search", content=body, headers=headers)
        assert error_of(answer, 422).startswith(place)


@pytest.mark.parametrize("where", [[], 5, None, True])
def test_a_filter_of_another_kind_is_told_what_it_may_be(client: TestClient, where: Any) -> None:
    answer = client.post("/v1/search", json={"q": "x", "where": where})
    assert error_of(answer, 422) == "where: expected a filter in words, or an object"

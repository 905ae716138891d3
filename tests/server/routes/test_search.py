"""`/v1/search`"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.fake_encoder import FakeEncoder
from tests.serving import add, data_uri, error_of, picture, serving

COLOURS = ["red", "orange", "yellow", "green", "blue", "purple"]
JSON = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("collection")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    with serving(folder, max_items=8) as (client, _):
        for colour in COLOURS:
            add(client, colour, captions=[f"a {colour} field"], tags=["warm"] * (colour in "red"))
        yield client


def top(answer: Any) -> str:
    """The first caption of the first hit."""
    assert answer.status_code == 200, answer.text
    return str(answer.json()["hits"][0]["caption"])


def test_words_find_pictures(client: TestClient) -> None:
    answer = client.get("/v1/search", params={"q": "something blue", "k": 3})
    assert top(answer) == "a blue field"
    body = answer.json()
    assert set(body) == {
        "hits", "next_cursor", "match", "mode", "model", "notes", "took_ms",
    }  # fmt: skip
    assert body["model"] == "fake"
    scores = [hit["score"] for hit in body["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert all(-1 <= score <= 1 for score in scores)
    assert {hit["kind"] for hit in body["hits"]} == {"image"}
    assert body["hits"][0]["relevance"] > body["hits"][2]["relevance"]


def test_get_and_post_answer_the_same(client: TestClient) -> None:
    by_get = client.get("/v1/search", params={"q": "green"}).json()
    for body in ({"q": "green"}, {"query": [{"text": "green"}]}):
        assert client.post("/v1/search", json=body).json()["hits"] == by_get["hits"]


@pytest.mark.parametrize("encode", [data_uri, lambda data: base64.b64encode(data).decode()])
def test_a_picture_finds_its_like(client: TestClient, encode: Any) -> None:
    body = {"query": [{"image": encode(picture("purple"))}]}
    answer = client.post("/v1/search", json=body)
    assert top(answer) == "a purple field"
    assert answer.json()["hits"][0]["score"] == pytest.approx(1, abs=1e-3)


def test_a_picture_finds_captions(client: TestClient) -> None:
    body = {"query": [{"image": data_uri(picture("orange"))}], "kind": "caption"}
    hits = client.post("/v1/search", json=body).json()["hits"]
    assert hits[0]["caption"] == "a orange field"
    assert {hit["kind"] for hit in hits} == {"caption"}
    assert hits[0]["links"]["thumbnail"] == f"/v1/items/{hits[0]['image_id']}/thumbnail"


def test_an_item_finds_itself_first(client: TestClient) -> None:
    item = client.get("/v1/items").json()["items"][0]
    answer = client.post("/v1/search", json={"query": [{"item": item["id"]}]})
    assert answer.json()["hits"][0]["id"] == item["id"]


def test_terms_are_mixed_by_weight(client: TestClient) -> None:
    def ranked(*query: JSON) -> list[str]:
        hits = client.post("/v1/search", json={"query": list(query)}).json()["hits"]
        return [hit["caption"].split()[1] for hit in hits]

    both = ranked({"text": "red"}, {"image": data_uri(picture("blue"))})
    assert set(both[:2]) == {"red", "blue"}
    assert ranked({"text": "red"}, {"text": "blue", "weight": 3})[0] == "blue"
    away = ranked({"text": "red"}, {"text": "blue", "weight": -1})
    assert away[0] == "red"
    assert away[-1] == "blue"


@pytest.mark.parametrize(
    "query",
    [
        {"q": "red", "without": ["blue"]},
        {"query": [{"text": "red"}], "without": ["blue"]},
        {"query": [{"text": "red"}, {"text": "blue", "negative": True}]},
        {"query": [{"text": "red"}, {"text": "blue", "negative": False, "weight": -0.5}]},
        {"query": [{"text": "red", "weight": 2}, {"text": "blue", "weight": -1}]},
    ],
)
@pytest.mark.parametrize("strategy", ["sum", "best", "exclude"])
def test_a_negative_term_leads_away(client: TestClient, query: JSON, strategy: str) -> None:
    by_get = client.get(f"/v1/search?q=red&without=blue&strategy={strategy}").json()["hits"]
    by_post = client.post("/v1/search", json={**query, "strategy": strategy}).json()["hits"]
    assert by_post == by_get
    colours = [hit["caption"].split()[1] for hit in by_get]
    assert colours[0] == "red"
    assert "blue" not in colours if strategy == "exclude" else colours[-1] == "blue"


def test_a_negation_in_words_is_offered_as_a_term(client: TestClient) -> None:
    answer = client.get("/v1/search?q=red+without+blue").json()
    assert "search for “red” with “blue” as a negative term" in answer["notes"][0]
    assert client.get("/v1/search?q=red&without=blue").json()["notes"] == []


def test_a_cursor_of_another_query_is_refused(client: TestClient) -> None:
    cursor = client.get("/v1/search?q=red&k=2").json()["next_cursor"]
    assert client.get("/v1/search", params={"q": "red", "cursor": cursor}).status_code == 200
    for other in ({"q": "blue"}, {"q": "red", "without": "blue"}, {"q": "red", "where": "width>1"}):
        answer = client.get("/v1/search", params={**other, "cursor": cursor})
        assert "cursor: it belongs to another query" in error_of(answer, 422)
        assert answer.json()["error"]["param"] == "cursor"


def test_pages_join_to_the_whole(client: TestClient) -> None:
    whole = [hit["id"] for hit in client.get("/v1/search?q=red&k=50").json()["hits"]]
    paged: list[int] = []
    cursor = None
    while True:
        params = {"q": "red", "k": "2", **({"cursor": cursor} if cursor else {})}
        page = client.get("/v1/search", params=params).json()
        paged += [hit["id"] for hit in page["hits"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == whole
    assert len(whole) == len(COLOURS)


def test_words_of_tags_are_found_and_are_evidence(client: TestClient) -> None:
    answer = client.get("/v1/search?q=warm&mode=words").json()
    assert answer["mode"] == "words"
    assert answer["hits"]
    for hit in answer["hits"]:
        assert "warm" in hit["tags"]
        assert hit["evidence"] == [{"by": "words", "points": 12.0, "words": ["warm"]}]
    posted = client.post("/v1/search", json={"q": "warm", "mode": "words"}).json()
    assert posted["hits"] == answer["hits"]


def test_words_look_at_all_and_items_at_pictures(client: TestClient) -> None:
    for query, mode in (("q=red", "hybrid"), ("q=red&kind=caption", "picture")):
        assert client.get(f"/v1/search?{query}").json()["mode"] == mode
    assert client.post("/v1/search", json={"query": [{"item": 1}]}).json()["mode"] == "picture"
    answer = client.post("/v1/search", json={"query": [{"item": 1}], "mode": "words"})
    assert "needs words to look for" in error_of(answer, 422)
    assert "mode" in error_of(client.get("/v1/search?q=red&mode=all"), 422)


def test_tags_narrow_the_search(client: TestClient) -> None:
    assert top(client.get("/v1/search?q=blue&tag=warm")) == "a red field"
    answer = client.post("/v1/search", json={"q": "blue", "filter": {"tags": ["warm"]}})
    assert [hit["caption"] for hit in answer.json()["hits"]] == ["a red field"]
    assert client.get("/v1/search?q=blue&tag=warm&tag=none").json()["hits"] == []


def test_a_folder_narrows_the_search(client: TestClient, folder: Path) -> None:
    for chosen, count in ((folder, len(COLOURS)), (folder / "nowhere", 0)):
        body = {"q": "red", "filter": {"folder": str(chosen)}}
        assert len(client.post("/v1/search", json=body).json()["hits"]) == count


def test_long_texts_are_not_cut_silently(client: TestClient) -> None:
    answer = client.post("/v1/search", json={"q": "meadow " * 200 + "blue " * 100})
    assert top(answer) == "a blue field"
    assert "77 tokens" in answer.json()["notes"][0]


def test_the_model_may_be_named(client: TestClient) -> None:
    for name in ("fake", "default"):
        assert client.get("/v1/search", params={"q": "red", "model": name}).status_code == 200
    answer = client.post("/v1/search", json={"q": "red", "model": "ViT-H-14/other"})
    assert "use 'fake'" in error_of(answer, 404)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "exactly one of q and query"),
        ({"q": "red", "query": []}, 422, "exactly one of q and query"),
        ({"q": ""}, 422, "empty"),
        ({"q": "  "}, 422, "empty"),
        ({"query": []}, 422, "the query is empty"),
        ({"query": [{}]}, 422, "query[0]: expected exactly one"),
        ({"query": [{"text": "a", "item": 1}]}, 422, "query[0]: expected exactly one"),
        ({"query": [{"text": "a", "weight": 0}]}, 422, "weight"),
        ({"query": [{"text": "a", "weight": 1e300}]}, 422, "query[0].weight"),
        ({"query": [{"text": "a", "weight": -1, "negative": True}]}, 422, "give one of weight and"),
        ({"q": "a", "without": [" "]}, 422, "without[0]: the text is empty"),
        ({"q": "a", "strategy": "worst"}, 422, "strategy: "),
        (
            {"query": [{"text": "a", "negative": True}], "strategy": "exclude"},
            422,
            "exclude needs a term of positive weight",
        ),
        ({"query": [{"txt": "a"}]}, 422, "query[0].txt: unknown field"),
        ({"query": [{"text": "a"}, {"text": "a", "weight": -1}]}, 422, "cancel out"),
        ({"query": [{"image": "!!!"}]}, 422, "query[0].image: neither"),
        ({"query": [{"image": "http://example.org/a.jpg"}]}, 422, "not fetched"),
        ({"query": [{"image": "data:image/png,abc"}]}, 422, "base64"),
        ({"query": [{"image": "aGVsbG8="}]}, 415, "the query image"),
        ({"query": [{"item": 99999}]}, 404, "item 99999"),
        ({"query": [{"item": 10**30}]}, 422, "query[0].item"),
        ({"query": [{"text": "a"}] * 9}, 413, "limit 8; raise MMEMBED_MAX_ITEMS"),
        ({"q": "red", "k": 0}, 422, "k: "),
        ({"q": "red", "k": -1}, 422, "k: "),
        ({"q": "red", "k": 10**9}, 413, "limit 1000; raise MMEMBED_MAX_K"),
        ({"q": "red", "k": "many"}, 422, "k: "),
        ({"q": "red", "limit": 3}, 422, "limit: unknown field"),
        ({"q": "red", "kind": "video"}, 422, "kind: "),
        ({"q": "red", "cursor": "zzz"}, 422, "cursor"),
        ({"q": "red", "filter": {"tag": ["a"]}}, 422, "filter.tag: unknown field"),
        (
            {"q": "red", "filter": {"tags": ["a"] * 51}},
            422,
            "filter.tags: List should have at most",
        ),
        ({"q": "x" * 10_001}, 413, "limit 10000; raise MMEMBED_MAX_TEXT_CHARS"),
        ([], 422, "the body"),
    ],
)
def test_what_makes_no_sense_is_named(
    client: TestClient, body: Any, status: int, said: str
) -> None:
    assert said in error_of(client.post("/v1/search", json=body), status)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 422, "exactly one of q and query, or like"),
        ("q=", 422, "empty"),
        ("q=a&k=0", 422, "k: "),
        ("q=a&k=1000000000", 413, "limit 1000"),
        ("q=a&limit=3", 422, "limit: unknown field"),
        ("q=a&kind=video", 422, "kind: "),
        ("q=a" + "&tag=b" * 51, 422, "at most 50"),
        ("q=a&cursor=%FF", 422, "cursor"),
    ],
)
def test_so_it_is_in_the_address(client: TestClient, query: str, status: int, said: str) -> None:
    assert said in error_of(client.get(f"/v1/search?{query}"), status)


def test_an_empty_collection_finds_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as (client, _):
        answer = client.get("/v1/search?q=red").json()
    assert answer["hits"] == []
    assert answer["next_cursor"] is None


@pytest.mark.slow
def test_a_folder_that_another_model_filled_meanwhile_is_refused(tmp_path: Path) -> None:
    with serving(tmp_path) as (client, _):
        assert client.get("/v1/search?q=red").status_code == 200  # loads the model, claims nothing
        with serving(tmp_path, FakeEncoder("other")) as (other, _):
            add(other, "red")
        message = error_of(client.get("/v1/search?q=red"), 409)
    assert "was meanwhile built with other" in message
    assert str(tmp_path) not in message


def test_a_part_of_a_long_caption_is_found(client: TestClient) -> None:
    text = " ".join(["green"] * 75 + ["purple"] * 4)
    add(client, "cyan", captions=[text])
    body = {"q": "purple", "kind": "caption", "k": 1}
    [hit] = client.post("/v1/search", json=body).json()["hits"]
    assert hit["caption"] == text
    assert hit["chunk"] == {"text": "purple " * 3 + "purple", "start": 450, "stop": 477}
    [picture] = client.post("/v1/search", json={"q": "purple", "k": 1}).json()["hits"]
    assert picture["chunk"] is None


@pytest.mark.parametrize("bound", [0.0, 0.5, 1.0])
def test_a_bound_leaves_out_hits_of_lower_relevance(client: TestClient, bound: float) -> None:
    every = client.get("/v1/search", params={"q": "green", "k": 50}).json()["hits"]
    by_get = client.get("/v1/search", params={"q": "green", "min_relevance": bound}).json()
    by_post = client.post("/v1/search", json={"q": "green", "min_relevance": bound}).json()
    kept = [hit["id"] for hit in every if hit["relevance"] >= bound]
    assert [hit["id"] for hit in by_get["hits"]] == kept[:20]
    assert by_post["hits"] == by_get["hits"]


@pytest.mark.parametrize("bound", ["1.5", "-1", "much"])
def test_a_bound_that_is_no_part_of_one_is_refused(client: TestClient, bound: str) -> None:
    answer = client.get("/v1/search", params={"q": "green", "min_relevance": bound})
    assert answer.status_code == 422
    assert "min_relevance" in answer.json()["error"]["message"]

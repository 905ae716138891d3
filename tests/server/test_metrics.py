"""`/metrics`, in the format that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from mmembed.server import metrics
from tests.serving import Gate, add, eventually, serving

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with serving(tmp_path) as (client, _):
        yield client


def samples(client: TestClient) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def count(found: Samples, route: str, method: str, status: int) -> float:
    key = frozenset({"route": route, "method": method, "status": str(status)}.items())
    return found.get(("mmembed_requests_total", key), 0)


def test_requests_are_counted_by_route(client: TestClient) -> None:
    add(client, "red")
    for _ in range(3):
        client.get("/v1/items/1")
    client.get("/v1/items/99")
    client.head("/v1/items/1")
    client.post("/v1/search", json={})
    found = samples(client)
    assert count(found, "/v1/items/{item_id}", "GET", 200) == 3
    assert count(found, "/v1/items/{item_id}", "GET", 404) == 1
    assert count(found, "/v1/items/{item_id}", "HEAD", 200) == 1
    assert count(found, "/v1/search", "POST", 422) == 1
    assert value(found, "mmembed_request_seconds_count", route="/v1/items/{item_id}") == 5
    assert value(found, "mmembed_request_seconds_sum", route="/v1/items/{item_id}") > 0


def test_what_is_no_route_makes_no_series(client: TestClient) -> None:
    client.get("/nowhere/1")
    client.get("/nowhere/2")
    client.request("BREW", "/v1/items")
    client.get("/v1/items", headers={"Host": "evil.example"})
    client.get("/static/app.js")
    found = samples(client)
    assert count(found, metrics.OTHER, "GET", 404) == 2
    assert count(found, metrics.OTHER, "GET", 400) == 1
    assert count(found, "/static", "GET", 200) == 1
    methods = {dict(labels).get("method") for _, labels in found}
    assert methods <= {None, *metrics.METHODS, metrics.OTHER}
    assert not [labels for _, labels in found if "nowhere" in str(labels)]


@pytest.mark.slow
def test_the_collection_and_its_models(client: TestClient) -> None:
    found = samples(client)
    assert value(found, "mmembed_model_loaded", model="fake") == 0
    add(client, "red", caption="a red field")
    add(client, "blue")
    client.get("/v1/search?q=red")
    found = samples(client)
    assert value(found, "mmembed_items", kind="image") == 2
    assert value(found, "mmembed_items", kind="caption") == 1
    assert value(found, "mmembed_index_vectors", kind="image") == 2
    assert value(found, "mmembed_model_loaded", model="fake") == 1
    assert value(found, "mmembed_queue_length", model="fake") == 0


def test_memory_where_the_system_tells(client: TestClient) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("there is no /proc here")
    assert value(samples(client), "process_resident_memory_bytes") > 1e6


@pytest.mark.slow
def test_what_waits_is_seen_while_it_waits(tmp_path: Path) -> None:
    gate = Gate()
    with serving(tmp_path, gate) as (client, collection), ThreadPoolExecutor(4) as pool:
        client.get("/v1/search?q=first")
        gate.close()
        running = pool.submit(client.get, "/v1/search?q=red")
        eventually(gate.reached.is_set)
        waiting = [pool.submit(client.get, f"/v1/search?q={n}") for n in range(2)]
        eventually(lambda: collection.embedder.waiting == 2)
        found = samples(client)
        gate.open.set()
        assert {one.result().status_code for one in [running, *waiting]} == {200}
    assert value(found, "mmembed_queue_length", model="fake") == 2
    assert value(found, "mmembed_requests_in_progress") == 4  # this one among them


@pytest.mark.slow
def test_every_app_counts_for_itself(client: TestClient, tmp_path: Path) -> None:
    client.get("/v1/items")
    with serving(tmp_path / "other") as (other, _):
        assert count(samples(other), "/v1/items", "GET", 200) == 0
    assert count(samples(client), "/v1/items", "GET", 200) == 1


def test_a_broken_catalog_is_an_answer(tmp_path: Path) -> None:
    with serving(tmp_path) as (client, collection):
        collection.store.close()
        assert client.get("/metrics").status_code == 507

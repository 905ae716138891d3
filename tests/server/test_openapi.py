"""The description of the API: its examples hold, and whatever it allows to be sent is answered
as it says."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from starlette.testclient import TestClient

from mmembed.server.app import ROUTES
from mmembed.server.openapi import Description, descriptions
from tests.serving import add, serving

pytestmark = pytest.mark.slow

WHY = "schemathesis is not installed; it needs Python 3.11"
schemathesis = pytest.importorskip("schemathesis", reason=WHY)
jsonschema_rs = pytest.importorskip("jsonschema_rs", reason=WHY)
checks = pytest.importorskip("schemathesis.specs.openapi.checks", reason=WHY)

JSON = dict[str, Any]
EXAMPLES_EACH = int(os.environ.get("SCHEMA_EXAMPLES", "40"))
"""Requests that are made up for an operation, the same in each run; a hundred take two minutes in
all."""
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


bounded = settings(
    max_examples=EXAMPLES_EACH,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with serving(tmp_path_factory.mktemp("collection"), allowed_hosts=("testserver",)) as (
        client,
        collection,
    ):
        for colour in ("red", "blue", "green"):
            add(client, colour, caption=f"a {colour} field", tags=[colour])
        collection.make_map(method="pca")
        yield client


@pytest.fixture(scope="module")
def described(client: TestClient) -> JSON:
    found: JSON = client.get("/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def routes() -> dict[str, Description]:
    return descriptions(module.router for module in ROUTES)


def operations(described: JSON) -> Iterator[tuple[str, str, JSON]]:
    for path, ways in described["paths"].items():
        for method, operation in ways.items():
            yield method.upper(), path, operation


def answer_of(operation: JSON) -> JSON | None:
    """The JSON that an operation answers where all is well: schema and example."""
    for status in ("200", "201"):
        content = operation["responses"].get(status, {}).get("content", {})
        if "application/json" in content:
            found: JSON = content["application/json"]
            return found
    return None


def test_every_operation_has_examples_that_hold(
    described: JSON, routes: dict[str, Description]
) -> None:
    for method, path, operation in operations(described):
        name = f"{method} {path}"
        if "requestBody" in operation or operation.get("parameters"):
            assert routes[name].asked, f"{name}: add an example of a request to @described"
        answer = answer_of(operation)
        if answer is not None:
            assert "example" in answer, f"{name}: add an answer to @described"
            shape = {**answer["schema"], "components": described["components"]}
            jsonschema_rs.validate(shape, answer["example"])
    assert {f"{method} {path}" for method, path, _ in operations(described)} == {*routes}


def test_examples_are_answered(
    client: TestClient, described: JSON, routes: dict[str, Description]
) -> None:
    for method, path, operation in operations(described):
        asked = routes[f"{method} {path}"].asked or {}
        if method == "DELETE":
            continue  # the others ask for the same item
        if "job_id" in asked:
            asked = {"job_id": client.post("/v1/map", json={}).headers["location"].split("/")[-1]}
        if path == "/v1/jobs" and asked:
            continue  # of a folder that is not here
        if path == "/predict":
            form = {name: (None, value) for name, value in asked.items()}
            answer = client.post(path, files=form)
        elif "requestBody" in operation:
            answer = client.request(method, path.format(item_id=1), json=asked)
        else:
            answer = client.request(method, path.format(**asked), params=asked)
        assert answer.status_code in (200, 201, 202, 204), (method, path, answer.text)


def made_up(client: TestClient) -> Iterator[Any]:
    """For each operation a strategy for requests: half of them break the rules."""
    app: Any = client.app

    async def running(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http", "the client here has started the app already"
        await app(scope, receive, send)

    schema = schemathesis.openapi.from_asgi("/openapi.json", running)
    for result in schema.get_all_operations():
        operation = result.ok()
        yield (
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
            | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
        )


def test_whatever_is_sent_is_answered_as_described(client: TestClient) -> None:
    statuses = Counter[int]()

    def ask(case: Any) -> None:
        response = case.call()
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    for cases in made_up(client):
        bounded(given(case=cases)(ask))()
    assert statuses.total() > 5 * EXAMPLES_EACH
    assert statuses[200] > EXAMPLES_EACH / 2
    assert statuses[422] > EXAMPLES_EACH

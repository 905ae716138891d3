"""Answers are what the description of the API says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from mmembed.server import answer_shapes
from mmembed.server.dialects import cohere, list_models, openai, voyage
from tests.serving import data_uri, picture


@pytest.mark.slow
def test_every_route_is_described(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    methods = {(method, path) for path, ways in described["paths"].items() for method in ways}
    assert methods == {
        ("get", "/v1/search"),
        ("post", "/v1/search"),
        ("post", "/v1/similarity"),
        ("get", "/v1/map"),
        ("post", "/v1/map"),
        ("get", "/v1/map/state"),
        ("get", "/v1/clusters"),
        ("get", "/v1/outliers"),
        ("post", "/v1/classify"),
        ("get", "/v1/labels"),
        ("post", "/v1/labels"),
        ("get", "/v1/labels/{name}"),
        ("delete", "/v1/labels/{name}"),
        ("get", "/v1/tags/automatic"),
        ("post", "/v1/tags/automatic"),
        ("delete", "/v1/tags/automatic/{label_set}"),
        ("get", "/v1/ignored"),
        ("delete", "/v1/ignored/{sha256}"),
        ("get", "/v1/tags/rejected"),
        ("delete", "/v1/tags/rejected"),
        ("post", "/v1/tags/check"),
        ("get", "/v1/items"),
        ("post", "/v1/items"),
        ("get", "/v1/items/{item_id}"),
        ("patch", "/v1/items/{item_id}"),
        ("delete", "/v1/items/{item_id}"),
        ("get", "/v1/items/{item_id}/image"),
        ("get", "/v1/items/{item_id}/thumbnail"),
        ("get", "/v1/jobs"),
        ("post", "/v1/jobs"),
        ("get", "/v1/jobs/{job_id}"),
        ("delete", "/v1/jobs/{job_id}"),
        ("get", "/v1/jobs/{job_id}/events"),
        ("get", "/v1/duplicates"),
        ("post", "/v1/duplicates"),
        ("post", "/v1/embeddings"),
        ("post", "/embeddings"),
        ("get", "/v1/models"),
        ("get", "/models"),
        ("get", "/v1/models/{model}"),
        ("get", "/models/{model}"),
        ("post", "/v2/embed"),
        ("post", "/v1/multimodalembeddings"),
        ("get", "/ping"),
        ("post", "/predict"),
        ("post", "/v1/session"),
        ("delete", "/v1/session"),
        ("get", "/health"),
        ("get", "/v1/health"),
        ("get", "/ready"),
        ("get", "/v1/about"),
        ("get", "/metrics"),
    }
    for path, ways in described["paths"].items():
        for method, operation in ways.items():
            assert operation["description"], path
            assert ("requestBody" in operation) == (method in ("post", "patch")), path
            assert {"401", "422", "500"} <= set(operation["responses"]), path


@pytest.mark.slow
def test_every_reference_in_the_description_leads_somewhere(client: TestClient) -> None:
    answer = client.get("/openapi.json")
    schemas = answer.json()["components"]["schemas"]
    references = re.findall(r'"\$ref":"([^"]+)"', answer.text)
    assert "#/components/schemas/ImageShape" in references
    for reference in references:
        assert reference.removeprefix("#/components/schemas/") in schemas
    assert set(schemas["HitAnswer"]["properties"]) >= {"id", "score", "relevance", "links"}
    assert schemas["LabelSetRequest"]["required"] == ["name"]
    assert "$defs" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "shape"),
    [
        ("GET", "/v1/search?q=red", None, answer_shapes.SearchAnswer),
        ("POST", "/v1/search", {"q": "red", "kind": "caption"}, answer_shapes.SearchAnswer),
        ("GET", "/v1/items", None, answer_shapes.ItemsAnswer),
        ("GET", "/v1/items/1", None, answer_shapes.WholeItem),
        ("GET", "/v1/items/2", None, answer_shapes.WholeItem),
        ("PATCH", "/v1/items/1", {"tags": ["a"]}, answer_shapes.WholeItem),
        ("POST", "/v1/items", {"caption": "a lone caption"}, answer_shapes.WholeItem),
        ("POST", "/v1/embeddings", {"input": ["a", "b"]}, openai.EmbeddingsAnswer),
        (
            "POST",
            "/v1/embeddings",
            {"input": ["a", " "], "encoding_format": "base64", "errors": "item"},
            openai.EmbeddingsAnswer,
        ),
        (
            "POST",
            "/v1/embeddings",
            {"input": "a", "dimensions": 8, "allow_untrained_dimensions": True},
            openai.EmbeddingsAnswer,
        ),
        (
            "POST",
            "/v2/embed",
            {
                "images": [data_uri(picture()), "no image"],
                "embedding_types": ["float", "int8", "uint8", "binary", "ubinary", "base64"],
                "errors": "item",
            },
            cohere.CohereAnswer,
        ),
        ("POST", "/v1/multimodalembeddings", {"inputs": ["a"]}, voyage.VoyageAnswer),
        (
            "POST",
            "/v1/classify",
            {"images": [{"item": 1}, "no image"], "labels": ["red", "blue"]},
            answer_shapes.ClassifyAnswer,
        ),
        ("GET", "/v1/models", None, list_models.ModelsAnswer),
        ("GET", "/v1/models/fake", None, list_models.ModelAnswer),
        ("GET", "/health", None, answer_shapes.HealthAnswer),
    ],
)
def test_answers_have_the_described_shape(
    client: TestClient, method: str, path: str, body: Any, shape: type[BaseModel]
) -> None:
    """Exactly: nothing is missing, nothing is too much, and no type has to be converted."""
    answer = client.request(method, path, json=body)
    assert answer.status_code in (200, 201), answer.text
    assert answer.headers["content-type"] == "application/json"
    read = shape.model_validate_json(answer.content, strict=True)
    assert read.model_dump(exclude_unset=True) == answer.json()

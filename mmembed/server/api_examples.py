"""Examples for the description of the API: a request and its answer for every operation.

Tests send the requests, and hold the answers against their shapes.
"""

from __future__ import annotations

from mmembed.server.answer_shapes import HeaderAnswer
from mmembed.server.dialects import examples as dialects
from mmembed.server.dialects.examples import PICTURE, Json

_SHA256 = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
_ITEM: Json = {
    "id": 1,
    "kind": "image",
    "path": "/pictures/boat.jpg",
    "caption": "a boat at sunset",
    "tags": ["holiday"],
    "width": 4032,
    "height": 3024,
    "bytes": 2419200,
    "format": "JPEG",
    "sha256": _SHA256,
    "image_id": None,
    "modified": "2026-07-14T20:51:07+00:00",
    "mtime_ns": 1784062267000000000,
    "date": "2026-07-12T21:14:03.250+02:00",
    "location": {"latitude": 43.2951, "longitude": 5.3743},
    "added": "2026-07-20T08:30:00+00:00",
    "meta": None,
    **{
        name: field.examples[0]
        for name, field in HeaderAnswer.model_fields.items()
        if field.examples
    },
    "shown_by_browsers": True,
    "links": {
        "self": "/v1/items/1",
        "thumbnail": "/v1/items/1/thumbnail?v=b5bb9d8014a0",
        "preview": "/v1/items/1/thumbnail?v=b5bb9d8014a0&size=1280",
        "image": "/v1/items/1/image?v=b5bb9d8014a0",
    },
}
_WHOLE: Json = {**_ITEM, "captions": ["a boat at sunset"]}
_FOUND: Json = {
    "hits": [{**_ITEM, "score": 0.354831, "relevance": 0.6724}],
    "next_cursor": None,
    "model": "bundled",
    "notes": [],
    "took_ms": 2.1,
}

_HEALTH: Json = {
    "status": "ok",
    "reasons": [],
    "version": "0.1.0",
    "unix": 1767225600.0,
    "model": "bundled",
    "engine": "openvino",
    "dim": 256,
    "items": 280,
    "images": 140,
    "captions": 140,
    "notice": None,
    "collection": "9f86d081884c7d659a2feaa0c55ad015",
}

ERROR: Json = {
    "error": {
        "message": "k: Input should be greater than or equal to 1",
        "type": "QueryError",
        "param": "k",
        "code": 422,
    },
    "detail": "k: Input should be greater than or equal to 1",
}

REQUESTS: dict[str, Json] = {
    **dialects.REQUESTS,
    "GET /v1/search": {"q": "a boat at sunset", "k": 3},
    "POST /v1/search": {"query": [{"text": "at night"}, {"item": 1, "weight": 0.5}], "k": 3},
    "POST /v1/classify": {
        "images": [PICTURE, {"item": 1}],
        "labels": ["cat", "dog"],
        "templates": ["a photo of a {}"],
    },
    "GET /v1/items": {"kind": "image", "limit": 50},
    "POST /v1/items": {"image": PICTURE, "name": "red.png", "caption": "red", "tags": ["colours"]},
    "GET /v1/items/{item_id}": {"item_id": 1},
    "PATCH /v1/items/{item_id}": {"tags": ["holiday", "2026"]},
    "DELETE /v1/items/{item_id}": {"item_id": 1},
    "GET /v1/items/{item_id}/image": {"item_id": 1},
    "GET /v1/items/{item_id}/thumbnail": {"item_id": 1, "size": 320},
    "POST /v1/session": {"key": "one of MMEMBED_API_KEYS"},
}
"""By method and path: the JSON body, or else values for the parameters."""

ANSWERS: dict[str, Json | str] = {
    **dialects.ANSWERS,
    "GET /v1/search": _FOUND,
    "POST /v1/search": _FOUND,
    "POST /v1/classify": {
        "results": [
            {
                "index": 0,
                "name": "images[0]",
                "labels": [
                    {"label": "cat", "probability": 0.93, "score": 0.281},
                    {"label": "dog", "probability": 0.07, "score": 0.255},
                ],
            },
            {
                "index": 1,
                "name": "images[1]",
                "error": {
                    "message": "item 1: there is no such item",
                    "type": "NotFound",
                    "param": None,
                    "code": 404,
                },
            },
        ],
        "model": "bundled",
        "mode": "softmax",
    },
    "GET /v1/items": {"items": [_ITEM], "next_cursor": None, "total": 1},
    "POST /v1/items": _WHOLE,
    "GET /v1/items/{item_id}": _WHOLE,
    "PATCH /v1/items/{item_id}": {**_WHOLE, "tags": ["2026", "holiday"]},
    "GET /v1/about": {
        "version": "0.1.0",
        "program": "mmembed",
        "index": "mmembed index ~/Pictures --data ~/photos",
    },
    "GET /health": _HEALTH,
    "GET /v1/health": _HEALTH,
    "GET /ready": _HEALTH,
    "GET /metrics": (
        'mmembed_requests_total{method="GET",route="/v1/search",status="200"} 12.0\n'
        'mmembed_items{kind="image"} 140.0\n'
    ),
}
"""By method and path: the answer of a request that succeeds; files and 204 have none."""

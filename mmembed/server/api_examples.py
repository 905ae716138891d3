"""Answers that several routes give as their examples in the description of the API."""

from __future__ import annotations

from mmembed.server.answer_shapes import HeaderAnswer
from mmembed.server.json_answers import Json

_SHA256 = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
ITEM: Json = {
    "id": 1,
    "kind": "image",
    "path": "/pictures/boat.jpg",
    "caption": "a boat at sunset",
    "tags": ["beach", "holiday"],
    "automatic_tags": [{"tag": "beach", "score": 0.93, "label_set": "places"}],
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
WHOLE: Json = {**ITEM, "captions": ["a boat at sunset"]}

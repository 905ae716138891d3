"""Examples of the dialects' requests and answers, for the description of the API."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

# A PNG of one red pixel.
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMB"
    "AQDJ/pLvAAAAAElFTkSuQmCC"
)
_MIXED: Json = {
    "model": "default",
    "input": ["a red bicycle", {"text": "a boat at sunset"}, {"image": PICTURE}],
}
_EMBEDDED: Json = {
    "object": "list",
    "id": "embd-5f0c1d3c8f5a4b0e9a7d2c6b8e4f1a3d",
    "created": 1767225600,
    "data": [
        {"object": "embedding", "index": 0, "embedding": [0.6, -0.8]},
        {"object": "embedding", "index": 1, "embedding": [0.8, 0.6]},
        {"object": "embedding", "index": 2, "embedding": [0.0, 1.0]},
    ],
    "model": "bundled",
    "usage": {"prompt_tokens": 11, "total_tokens": 11},
}
_MODEL: Json = {"id": "bundled", "object": "model", "created": 0, "owned_by": "mmembed"}
_MODELS: Json = {"object": "list", "data": [_MODEL]}

REQUESTS: dict[str, Json] = {
    "POST /v1/embeddings": _MIXED,
    "POST /embeddings": _MIXED,
    "GET /v1/models/{model}": {"model": "default"},
    "GET /models/{model}": {"model": "default"},
    "POST /v2/embed": {
        "model": "default",
        "inputs": [
            {
                "content": [
                    {"type": "text", "text": "a red bicycle"},
                    {"type": "image_url", "image_url": {"url": PICTURE}},
                ]
            }
        ],
        "embedding_types": ["float", "int8"],
    },
    "POST /v1/multimodalembeddings": {
        "model": "default",
        "inputs": [
            {
                "content": [
                    {"type": "text", "text": "a red bicycle"},
                    {"type": "image_base64", "image_base64": PICTURE},
                ]
            }
        ],
    },
    "POST /predict": {
        "entries": '{"clip": {"textual": {"modelName": "default"}}}',
        "text": "a boat at sunset",
    },
}

ANSWERS: dict[str, Json | str] = {
    "POST /v1/embeddings": _EMBEDDED,
    "POST /embeddings": _EMBEDDED,
    "GET /v1/models": _MODELS,
    "GET /models": _MODELS,
    "GET /v1/models/{model}": _MODEL,
    "GET /models/{model}": _MODEL,
    "POST /v2/embed": {
        "id": "5f0c1d3c-8f5a-4b0e-9a7d-2c6b8e4f1a3d",
        "response_type": "embeddings_by_type",
        "embeddings": {"float": [[0.6, 0.8]], "int8": [[95, 127]]},
        "texts": [],
        "images": [{"width": 1, "height": 1, "format": "png", "bit_depth": 24}],
        "meta": {
            "api_version": {"version": "2"},
            "billed_units": {"input_tokens": 5, "images": 1},
        },
    },
    "POST /v1/multimodalembeddings": {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}],
        "model": "bundled",
        "usage": {"text_tokens": 5, "image_pixels": 1, "video_pixels": 0, "total_tokens": 6},
    },
    "GET /ping": "pong",
    "POST /predict": {"clip": "[0.6,0.8]", "imageHeight": 0, "imageWidth": 0},
}

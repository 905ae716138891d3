"""Calls of `/v1/embeddings`, and pictures to embed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from tests.fake_encoder import FakeEncoder
from tests.serving import data_uri, picture

JSON = dict[str, Any]


def embed(client: TestClient, **body: Any) -> JSON:
    answer = client.post("/v1/embeddings", json=body)
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()
    return found


def rows(answer: JSON) -> NDArray[np.float32]:
    assert [one["index"] for one in answer["data"]] == list(range(len(answer["data"])))
    return np.array([one["embedding"] for one in answer["data"]], np.float32)


RED, BLUE = data_uri(picture("red")), data_uri(picture("blue"))
ADDRESS = "https://example.org/red.png"


def vector(said: str) -> NDArray[np.float32]:
    """Of a text, or of one of the two pictures."""
    encoder = FakeEncoder()
    if said not in (RED, BLUE):
        rows = encoder.embed_texts([said])
    else:
        image = Image.open(io.BytesIO(picture("red" if said == RED else "blue")))
        rows = encoder.embed_preprocessed(encoder.preprocess(image)[None])
    return np.asarray(rows[0])

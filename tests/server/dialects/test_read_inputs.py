"""Every shape that an input of `/v1/embeddings` may have, and in what order inputs are embedded."""

from __future__ import annotations

import base64
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from mmembed.media.decode import decode
from mmembed.models.inputs import ImageInput
from mmembed.server.dialects import embed_request
from tests.fake_encoder import FakeEncoder
from tests.server.dialects.openai_calls import ADDRESS, BLUE, JSON, RED, embed, rows, vector
from tests.serving import PATIENCE_S, eventually, picture, serving

BARE = base64.b64encode(picture("red")).decode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"input": "red"}, ["red"]),
        ({"input": {"text": "red"}}, ["red"]),
        ({"input": [{"text": "red"}, {"type": "text", "text": "blue"}]}, ["red", "blue"]),
        ({"input": RED}, [RED]),  # Haystack's Jina embedder says nothing of what it sends
        ({"input": [RED, "red"]}, [RED, "red"]),
        ({"input": [RED, BLUE], "modality": "image"}, [RED, BLUE]),
        ({"input": BARE, "modality": "image"}, [RED]),
        ({"input": [{"image": RED}]}, [RED]),
        ({"input": [{"image": BARE}, {"text": "red"}]}, [RED, "red"]),  # LiteLLM, Chroma
        ({"input": [{"bytes": BARE}], "encoding_type": "float"}, [RED]),  # LlamaIndex
        ({"input": [{"url": RED}]}, [RED]),
        ({"input": [{"image_url": {"url": RED}}]}, [RED]),
        ({"input": [{"type": "image_url", "image_url": {"url": BLUE}}]}, [BLUE]),
        ({"input": [{"content": [{"type": "image_url", "image_url": {"url": RED}}]}]}, [RED]),
        ({"input": [{"content": "red"}]}, ["red"]),
        ({"messages": [{"role": "user", "content": "red"}]}, ["red"]),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": RED}}],
                    },
                    {"role": "assistant", "content": [{"type": "text", "text": ""}]},
                ]
            },
            [RED],
        ),
        ({"input": ["red"], "embedding_type": ["float"], "normalized": True}, ["red"]),
        (
            {
                "input": ["red"],
                "input_type": None,
                "truncation": True,
                "output_dtype": None,
                "output_dimension": None,
            },
            ["red"],
        ),
        ({"input": "data:image is what I said", "modality": None}, ["data:image is what I said"]),
        ({"input": "data:a,b and c"}, ["data:a,b and c"]),
        ({"input": "see https://example.org/red.png"}, ["see https://example.org/red.png"]),
        ({"input": ADDRESS, "modality": "text"}, [ADDRESS]),
        ({"input": [{"text": ADDRESS}]}, [ADDRESS]),
        ({"input": RED.replace("image/png", "application/octet-stream")}, [RED]),
        ({"input": RED.replace("image/png", "")}, [RED]),
        ({"input": RED.replace("image/png", "image/png;name=red.png")}, [RED]),
        ({"input": [" " + RED.replace("data:", "DATA:").replace("base64", "BASE64")]}, [RED]),
        ({"input": RED.replace("=", "%3D").replace("+", "%2B")}, [RED]),
    ],
)
@pytest.mark.parametrize("path", ["/v1/embeddings", "/embeddings"])
def test_every_shape_of_input(client: TestClient, path: str, body: JSON, said: list[str]) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    np.testing.assert_array_equal(rows(answer.json()), [vector(one) for one in said])


@pytest.mark.parametrize(
    "body",
    [
        {"input": [{"text": "blue", "image": RED}]},
        {"input": [["blue", {"image": RED}]]},
        {"input": [{"content": ["blue", {"type": "image_url", "image_url": RED}]}]},
        {"messages": [{"role": "system", "content": "blue"}, {"content": [{"image": RED}]}]},
    ],
)
def test_parts_become_the_mean_of_their_vectors(client: TestClient, body: JSON) -> None:
    mean = vector("blue") + vector(RED)
    np.testing.assert_allclose(
        rows(embed(client, **body)), [mean / np.linalg.norm(mean)], atol=1e-6
    )


def test_weights_of_parts(client: TestClient) -> None:
    parts = [{"text": "blue", "weight": 3}, {"image": RED, "weight": 0.5}]
    mean = 3 * vector("blue") + 0.5 * vector(RED)
    found = rows(embed(client, input=[{"content": parts}]))
    np.testing.assert_allclose(found, [mean / np.linalg.norm(mean)], atol=1e-6)


def test_all_texts_and_all_images_go_to_the_model_together(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    with serving(tmp_path, encoder) as (client, _):
        embed(client, input=["x1", RED, {"content": ["x2", {"image": BLUE}]}, BLUE, "x3"])
    assert encoder.batches == [3, 3]


def test_addresses_are_waited_for_together(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(3, timeout=PATIENCE_S)

    def fetched(address: str, *_: object) -> bytes:
        together.wait()
        return picture(address.rpartition("/")[2])

    monkeypatch.setattr(embed_request, "image_bytes", fetched)
    addresses = [f"https://example.org/{name}" for name in ("red", "blue", "red")]
    found = rows(embed(client, input=addresses, modality="image"))
    np.testing.assert_array_equal(found, [vector(RED), vector(BLUE), vector(RED)])


@pytest.mark.slow
def test_one_image_waits_for_few_of_large_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for a thread that decodes, nor for the memory that others' parts take."""
    decoded: list[str] = []
    first, held = threading.Event(), threading.Event()

    def slow(data: bytes, *, name: str, **more: Any) -> Any:
        first.set()
        assert held.wait(PATIENCE_S)
        decoded.append(name)
        return decode(data, name=name, **more)

    monkeypatch.setattr("mmembed.models.inputs.decode", slow)
    with serving(tmp_path, decode_threads=1) as (_, collection):
        model = collection.embedder

        def ask(request: str, count: int) -> None:
            model.images([ImageInput(request, data=shade(request, n)) for n in range(count)])

        with ThreadPoolExecutor(7) as pool:
            large = [pool.submit(ask, f"large {number}", 2 * 64) for number in range(6)]
            eventually(lambda: first.is_set() and model._turns.ready.waiting == 3)
            small = pool.submit(ask, "small", 1)
            eventually(lambda: model._turns.ready_few.used == 1)
            held.set()
            small.result(PATIENCE_S)
            assert decoded.index("small") < 20
            for one in large:
                one.result(PATIENCE_S)
    assert len(decoded) == 6 * 2 * 64 + 1


def shade(request: str, number: int) -> bytes:
    """A file of its own for each."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (number, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue() + request.encode()

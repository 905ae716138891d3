"""A request that is refused for one of its texts reads no more of them than it must."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fake_encoder import FakeEncoder
from tests.serving import data_uri, error_of, picture, serving

RED = data_uri(picture("red"))
LONG = [f"{number}" + " word" * 90 for number in range(16)]  # two windows each


class Reader(FakeEncoder):
    """Counts how often each text is tokenized."""

    def __init__(self) -> None:
        super().__init__()
        self.read: Counter[str] = Counter()

    def split(self, text: str, most: int | None = None) -> list[str]:
        self.read[text] += 1
        return super().split(text, most)

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + 2


WAYS: list[tuple[str, Any]] = [
    ("/v1/embeddings", {"input": LONG}),
    ("/v2/embed", {"texts": LONG}),
    ("/v2/embed", {"texts": LONG, "truncate": "NONE"}),
    ("/v1/multimodalembeddings", {"inputs": [{"content": [text]} for text in LONG]}),
    ("/v1/search", {"query": [{"text": text} for text in LONG[:3]]}),
    ("/v1/similarity", {"inputs": [{"text": text} for text in LONG]}),
    ("/v1/items", {"image": RED, "captions": LONG}),
    ("/v1/classify", {"images": [RED], "labels": LONG}),
    ("/v1/classify", {"images": [RED], "labels": LONG, "templates": ["a {}", "one {}"]}),
]


@pytest.mark.parametrize(("path", "body"), WAYS)
def test_the_first_text_that_is_too_long_ends_the_reading(
    path: str, body: Any, tmp_path: Path
) -> None:
    encoder = Reader()
    with serving(tmp_path, encoder, max_text_windows=1) as (client, _):
        error_of(client.post(path, json=body), 413)
    assert len(encoder.read.keys() & set(LONG)) == 1
    assert encoder.batches == []


def test_texts_that_fail_alone_are_read_once(tmp_path: Path) -> None:
    encoder = Reader()
    with serving(tmp_path, encoder, max_text_windows=1) as (client, _):
        body = {"texts": [*LONG, "red"], "labels": ["red", "blue"], "templates": ["{}"]}
        results = client.post("/v1/classify", json=body).json()["results"]
    assert ["error" in result for result in results] == [True] * len(LONG) + [False]
    assert {encoder.read[text] for text in LONG} == {1}


def test_a_label_that_is_too_long_ends_the_work_before_it_begins(tmp_path: Path) -> None:
    encoder = Reader()
    labels = [*(f"label {number}" for number in range(600)), "word " * 74]
    with serving(tmp_path, encoder, max_text_windows=1) as (client, _):
        body = {"images": [RED], "labels": labels, "templates": ["{}", "a photo of a {}"]}
        said = error_of(client.post("/v1/classify", json=body), 413)
    assert said.startswith("labels[600] in templates[1]: has more than 1 windows of 77 tokens")
    assert encoder.batches == []

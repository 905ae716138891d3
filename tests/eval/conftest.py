"""Pictures with labels and captions, and benches to measure them with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmembed.config.settings import Settings
from mmembed.eval import Bench
from tests.conftest import MakePicture
from tests.eval.encoders import OpenBench, nobody, write
from tests.fake_encoder import FakeEncoder


@pytest.fixture
def bench(tmp_path: Path, encoder: FakeEncoder) -> OpenBench:
    """`bench(encoder)` measures that encoder; its vectors are kept below `tmp_path`."""

    def make(*encoders: FakeEncoder, cached: bool = True, **settings: Any) -> Bench:
        by_name = {one.facts.name: one for one in encoders or [encoder]}
        chosen = {"data": tmp_path / "data", "model": "fake", "decode_threads": 2, **settings}
        return Bench(Settings.from_env({}, **chosen), nobody, cached, lambda name: by_name[name])

    return make


@pytest.fixture
def classes(photos: Path, picture: MakePicture) -> Path:
    """Red, green and blue pictures in folders of their colours, two of each."""
    for colour in ("red", "green", "blue"):
        picture(f"{colour}/a.png", colour, seed=1)
        picture(f"{colour}/deeper/b.png", colour, seed=2)
    return photos


@pytest.fixture
def captions(photos: Path, picture: MakePicture) -> Path:
    """Red, green and blue pictures with two captions each."""
    rows = []
    for colour in ("red", "green", "blue"):
        picture(f"{colour}.png", colour)
        texts = [f"a {colour} field", f"{colour} all over"]
        rows.append({"file_name": f"{colour}.png", "captions": texts})
    return write(photos / "captions.jsonl", "\n".join(map(json.dumps, rows)))

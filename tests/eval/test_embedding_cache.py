"""What a measurement embedded is kept, and only taken where it fits."""

from __future__ import annotations

import logging
import shutil
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from mmembed.eval import measure_retrieval, measure_zero_shot, read_captioned
from mmembed.types import Embeddings
from tests.eval.encoders import OpenBench, task
from tests.fake_encoder import FakeEncoder


def shards(data: Path, content: str) -> list[Path]:
    return sorted((data / "eval").glob(f"*/{content}/*"))


@pytest.mark.slow
def test_a_second_run_embeds_nothing(bench: OpenBench, classes: Path, tmp_path: Path) -> None:
    shutil.copy(classes / "red" / "a.png", classes / "red" / "copy.png")
    encoder = FakeEncoder()
    [first] = measure_zero_shot(bench(encoder), ["fake"], task(classes))
    assert first.origin() == (
        "images: 0 from cache, 6 embedded; labels: 0 from cache, 3 embedded"
    ), "a copy is no new content"
    assert encoder.batches
    again = FakeEncoder()
    [second] = measure_zero_shot(bench(again), ["fake"], task(classes))
    assert second.origin() == ("images: 7 from cache, 0 embedded; labels: 3 from cache, 0 embedded")
    assert again.batches == []
    assert second.figures == first.figures
    assert [path.suffix for path in shards(tmp_path / "data", "*")] == [".npz"] * 2


@pytest.mark.slow
def test_nothing_is_kept_or_taken_without_cache(
    bench: OpenBench, captions: Path, tmp_path: Path
) -> None:
    data = read_captioned(captions)
    measure_retrieval(bench(cached=False), ["fake"], data)
    assert not (tmp_path / "data").exists()
    measure_retrieval(bench(), ["fake"], data)
    encoder = FakeEncoder()
    measure_retrieval(bench(encoder, cached=False), ["fake"], data)
    assert encoder.batches


@pytest.mark.slow
def test_vectors_of_another_model_are_not_taken(bench: OpenBench, captions: Path) -> None:
    data = read_captioned(captions)
    measure_retrieval(bench(FakeEncoder("a")), ["a"], data)
    other = FakeEncoder("b")
    measure_retrieval(bench(other), ["b"], data)
    assert other.batches


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["truncated", "altered", "emptied"])
def test_a_broken_file_is_named_and_embedded_again(
    bench: OpenBench,
    captions: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    harm: str,
) -> None:
    data = read_captioned(captions)
    [first] = measure_retrieval(bench(), ["fake"], data)
    [path] = shards(tmp_path / "data", "images")
    content = bytearray(path.read_bytes())
    if harm == "altered":
        content[len(content) // 2] ^= 1
    kept = {"truncated": 100, "altered": len(content), "emptied": 0}[harm]
    path.write_bytes(content[:kept])
    encoder = FakeEncoder()
    with caplog.at_level(logging.WARNING):
        [second] = measure_retrieval(bench(encoder), ["fake"], data)
    assert str(path) in caplog.text
    assert "not used" in caplog.text
    assert second.origin() == "images: 0 from cache, 3 embedded; texts: 6 from cache, 0 embedded"
    assert second.figures == first.figures
    assert len(shards(tmp_path / "data", "images")) == 1


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_costs_only_time(
    bench: OpenBench, captions: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "eval").write_text("in the way")
    [report] = measure_retrieval(bench(), ["fake"], read_captioned(captions))
    assert report.images == 3
    assert "embeddings cannot be kept" in caplog.text


def test_an_interrupted_run_keeps_what_it_embedded(
    bench: OpenBench, captions: Path, tmp_path: Path
) -> None:
    class Interrupted(FakeEncoder):
        def embed_texts(self, texts: Sequence[str]) -> Embeddings:
            # As Ctrl-C does, while this thread is at work.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            time.sleep(0.2)
            return super().embed_texts(texts)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            measure_retrieval(bench(Interrupted()), ["fake"], read_captioned(captions))
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(shards(tmp_path / "data", "images")) == 1

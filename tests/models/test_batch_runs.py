"""Whatever goes wrong on the thread that runs the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from mmembed.errors import ModelError, ModelHangs, Overloaded
from mmembed.models.batch_queue import Request
from mmembed.models.batcher import Batcher
from mmembed.types import Embeddings
from tests.fake_encoder import FakeEncoder
from tests.models.gated import GatedEncoder, hold, submit, wait_until


class Wrong(FakeEncoder):
    """Does what it is told to once «bad» is among the texts."""

    def __init__(self, do: Callable[[Embeddings], Embeddings]) -> None:
        super().__init__()
        self.do = do

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        rows = super().embed_texts(texts)
        return self.do(rows) if "bad" in texts else rows


def raising(error: BaseException) -> Callable[[Embeddings], Embeddings]:
    def do(rows: Embeddings) -> Embeddings:
        raise error

    return do


@pytest.mark.parametrize(
    "do",
    [
        lambda rows: rows[:-1],
        lambda rows: np.concatenate([rows, rows]),
        lambda rows: rows[:, :-1],
        lambda rows: rows[0],
        lambda rows: None,
        lambda rows: rows * np.nan,
        raising(RuntimeError("CUDA error")),
        raising(MemoryError()),
        raising(SystemExit(3)),
        raising(KeyboardInterrupt()),
        raising(GeneratorExit()),
    ],
)
def test_a_model_that_fails_costs_its_callers_alone(
    do: Callable[[Embeddings], Embeddings], pool: ThreadPoolExecutor
) -> None:
    with Batcher(lambda: Wrong(do), batch=8) as batcher:
        texts = ["a", "bad", "b", "bad", "c"]
        futures = [pool.submit(batcher.embed_texts, [text]) for text in texts]
        for text, future in zip(texts, futures, strict=True):
            if text == "bad":
                with pytest.raises((ModelError, RuntimeError, MemoryError)):
                    future.result(10)
            else:
                np.testing.assert_allclose(future.result(10), FakeEncoder().embed_texts([text]))
        assert batcher.embed_texts(["next"]).shape == (1, 16)


def test_a_row_that_is_not_finite_costs_its_caller_alone(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    hold(encoder, batcher, pool)
    futures = submit(batcher, pool, [["a"], ["b"], ["c"]])
    embed = FakeEncoder.embed_texts

    def second_is_bad(texts: Sequence[str]) -> Embeddings:
        rows = embed(encoder, texts)
        rows[[text == "b" for text in texts]] = np.inf
        return rows

    encoder.embed_texts = second_is_bad  # type: ignore[method-assign]
    encoder.gate.set()
    assert futures[0].result(10).shape == futures[2].result(10).shape == (1, 16)
    with pytest.raises(ModelError, match="not finite"):
        futures[1].result(10)


@pytest.mark.parametrize("method", ["take", "charge"])
def test_a_queue_that_fails_tells_all_who_wait_and_goes_on(
    batcher: Batcher,
    encoder: GatedEncoder,
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    hold(encoder, batcher, pool)
    futures = submit(batcher, pool, [["a"], ["b"] * 9])

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(batcher._turns, method, fail)
    encoder.gate.set()
    for one in futures:
        with pytest.raises(ModelError, match=r"the queue failed .RuntimeError"):
            one.result(10)
    monkeypatch.undo()
    assert batcher.embed_texts(["next"]).shape == (1, 16)


def test_an_answer_that_cannot_be_delivered_costs_its_caller_alone(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor, monkeypatch: Any
) -> None:
    hold(encoder, batcher, pool)
    futures = submit(batcher, pool, [["a"], ["b", "b"], ["c"]])
    add = Request.add

    def fail_for_two(request: Request, rows: Embeddings) -> None:
        if len(rows) == 2:
            raise MemoryError
        add(request, rows)

    monkeypatch.setattr(Request, "add", fail_for_two)
    encoder.gate.set()
    assert futures[0].result(10).shape == futures[2].result(10).shape == (1, 16)
    with pytest.raises(MemoryError):
        futures[1].result(10)


# -- a model that hangs -----------------------------------------------------------------


@pytest.mark.slow
def test_a_model_that_hangs_is_given_up(encoder: GatedEncoder, pool: ThreadPoolExecutor) -> None:
    batcher = Batcher(lambda: encoder, batch=2, timeout=0.3)
    first = hold(encoder, batcher, pool)
    futures = submit(batcher, pool, [["a"], ["b"] * 9])
    for one in [first, *futures]:
        with pytest.raises(ModelHangs, match=r"no progress for 0\.3 s .*MMEMBED_MODEL_TIMEOUT"):
            one.result(10)
    assert batcher.broken
    assert batcher.waiting == 0
    with pytest.raises(ModelError, match="no progress"):
        batcher.embed_texts(["late"])
    batcher.close()  # waits for nothing
    assert not batcher.ended
    encoder.gate.set()
    wait_until(lambda: batcher.ended)


@pytest.mark.slow
def test_a_slow_model_is_not_given_up_while_it_moves() -> None:
    class Slow(FakeEncoder):
        def embed_texts(self, texts: Sequence[str]) -> Embeddings:
            time.sleep(0.05)
            return super().embed_texts(texts)

    with Batcher(Slow, batch=1, timeout=0.8) as batcher, ThreadPoolExecutor(2) as pool:
        many = [pool.submit(batcher.embed_texts, [str(n) for n in range(25)]) for _ in range(2)]
        assert [len(one.result(30)) for one in many] == [25, 25]
        time.sleep(1)  # nobody asks: that is no hanging
        assert batcher.embed_texts(["next"]).shape == (1, 16)
        assert not batcher.broken


def test_a_thread_that_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Batcher, "_go_on", lambda batcher: False)
    batcher = Batcher(FakeEncoder, timeout=0.2)
    with pytest.raises(ModelError, match="no progress"):
        batcher.embed_texts(["lost"])
    assert batcher.broken


def test_close_waits_for_no_model_that_hangs(
    encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    batcher = Batcher(lambda: encoder, batch=2)
    first = hold(encoder, batcher, pool)
    futures = submit(batcher, pool, [["a"], ["b"] * 9])
    batcher.close(0.1)
    for one in [first, *futures]:
        with pytest.raises(Overloaded, match="shutting down"):
            one.result(10)
    with pytest.raises(Overloaded, match="shutting down"):
        batcher.embed_texts(["late"])
    encoder.gate.set()
    wait_until(lambda: batcher.ended)


def test_a_model_that_cannot_be_loaded_is_reported_to_the_constructor() -> None:
    def load() -> FakeEncoder:
        raise ModelError("no such model")

    with pytest.raises(ModelError, match="no such model"):
        Batcher(load)

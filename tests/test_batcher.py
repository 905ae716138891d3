"""Concurrent requests are joined, split back, and fail alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.batcher import Batcher
from mmembed.cancellation import Caller, working_for
from mmembed.errors import LONGEST_WAIT_S, Abandoned, ModelError, Overloaded
from mmembed.types import Embeddings
from tests.fake_encoder import SAID, FakeEncoder


class GatedEncoder(FakeEncoder):
    """Runs only while `gate` is open, refuses the text «bad», and notes its threads."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.running = threading.Event()
        self.threads = {threading.get_ident()}
        self.seen: list[list[str]] = []

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        self.threads.add(threading.get_ident())
        self.running.set()
        assert self.gate.wait(10)
        self.seen.append(list(texts))
        if "bad" in texts:
            raise ModelError("bad text")
        return super().embed_texts(texts)


@pytest.fixture
def encoder() -> GatedEncoder:
    return GatedEncoder()


@pytest.fixture
def batcher(encoder: GatedEncoder) -> Iterator[Batcher]:
    with Batcher(lambda: encoder, batch=4, max_queue=8) as batcher:
        yield batcher
        encoder.gate.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def hold(encoder: GatedEncoder, batcher: Batcher, pool: ThreadPoolExecutor) -> Future[Embeddings]:
    """Occupy the model with one request, so that what follows has to wait."""
    encoder.gate.clear()
    encoder.running.clear()
    first = pool.submit(batcher.embed_texts, ["first"])
    assert encoder.running.wait(10)
    return first


def submit(
    batcher: Batcher, pool: ThreadPoolExecutor, requests: Sequence[Sequence[str]]
) -> list[Future[Embeddings]]:
    """Put requests into the queue, one after the other."""
    futures = []
    for texts in requests:
        before = batcher.waiting
        futures.append(pool.submit(batcher.embed_texts, texts))
        wait_until(lambda before=before: batcher.waiting > before)  # type: ignore[misc]
    return futures


def test_it_is_the_encoder_it_wraps(batcher: Batcher, encoder: GatedEncoder) -> None:
    for name in SAID:
        assert getattr(batcher, name) == getattr(encoder, name)
    assert batcher.count_windows("x " * 200) == 3
    assert batcher.count_tokens("x") == 3
    texts = ["red", "blue", "a", "b", "c", "d", "e"]
    np.testing.assert_allclose(batcher.embed_texts(texts), FakeEncoder().embed_texts(texts))


def test_images_come_back_in_order(batcher: Batcher) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), np.uint8)
    np.testing.assert_array_equal(
        batcher.embed_preprocessed(pixels), FakeEncoder().embed_preprocessed(pixels)
    )


def test_nothing_gives_nothing(batcher: Batcher, encoder: GatedEncoder) -> None:
    assert batcher.embed_texts([]).shape == (0, encoder.dim)
    assert batcher.embed_preprocessed(np.zeros((0, 8, 8, 3), np.uint8)).shape[0] == 0


def test_what_waits_is_joined_up_to_a_batch(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    first = hold(encoder, batcher, pool)
    futures = submit(batcher, pool, [["a"], ["b", "c"], ["d"], ["e"]])
    encoder.gate.set()
    expected = [FakeEncoder().embed_texts(texts) for texts in (["a"], ["b", "c"], ["d"], ["e"])]
    for future, rows in zip(futures, expected, strict=True):
        np.testing.assert_allclose(future.result(10), rows)
    assert first.result(10).shape == (1, encoder.dim)
    assert encoder.seen == [["first"], ["a", "b", "c", "d"], ["e"]]


def test_a_large_request_takes_turns(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    hold(encoder, batcher, pool)
    big = [f"big{i}" for i in range(10)]
    futures = submit(batcher, pool, [big, ["small"]])
    encoder.gate.set()
    np.testing.assert_allclose(futures[0].result(10), FakeEncoder().embed_texts(big))
    futures[1].result(10)
    assert encoder.seen[1:3] == [big[:4], ["small", *big[4:7]]]


def test_everything_runs_on_one_other_thread() -> None:
    with Batcher(GatedEncoder) as batcher, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: batcher.embed_texts([str(i)]), range(50)))
        encoder = batcher._encoder
        assert isinstance(encoder, GatedEncoder)
        assert len(encoder.threads) == 1
        assert threading.get_ident() not in encoder.threads


def test_an_error_reaches_only_its_caller(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    hold(encoder, batcher, pool)
    good, bad, other = submit(batcher, pool, [["a"], ["bad"], ["b"]])
    encoder.gate.set()
    assert good.result(10).shape == other.result(10).shape == (1, encoder.dim)
    with pytest.raises(ModelError, match="bad text"):
        bad.result(10)
    assert batcher.embed_texts(["still here"]).shape == (1, encoder.dim)


def test_an_error_ends_a_large_request_at_once(batcher: Batcher, encoder: GatedEncoder) -> None:
    with pytest.raises(ModelError, match="bad text"):
        batcher.embed_texts(["bad", *"abcdefghijk"])
    batcher.embed_texts(["next"])
    assert encoder.seen[-1] == ["next"]
    assert len(encoder.seen) == 2


def test_pictures_of_the_wrong_size_fail_alone(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    hold(encoder, batcher, pool)
    shapes = [(1, 8, 8, 3), (1, 8, 3), (1, 8, 8, 3)]
    futures = [
        pool.submit(batcher.embed_preprocessed, np.ones(shape, np.uint8)) for shape in shapes
    ]
    wait_until(lambda: batcher.waiting == 3)
    encoder.gate.set()
    with pytest.raises(ModelError, match=r"^fake: the model failed on this input \(ValueError\)"):
        futures[1].result(10)
    assert futures[0].result(10).shape == futures[2].result(10).shape == (1, encoder.dim)


def test_a_full_queue_says_so(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    hold(encoder, batcher, pool)
    futures = submit(batcher, pool, [["x"]] * 8)
    with pytest.raises(Overloaded, match=r"^8 requests are already waiting.*MMEMBED_MAX_QUEUE"):
        batcher.embed_texts(["one too many"])
    encoder.gate.set()
    assert all(future.result(10).shape == (1, encoder.dim) for future in futures)


def test_close_answers_what_waits_and_refuses_the_rest(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    hold(encoder, batcher, pool)
    futures = submit(batcher, pool, [["x"], ["y"]])
    closing = pool.submit(batcher.close)
    encoder.gate.set()
    closing.result(10)
    assert [len(future.result(10)) for future in futures] == [1, 1]
    with pytest.raises(Overloaded, match="shutting down"):
        batcher.embed_texts(["late"])
    batcher.close()


def test_a_caller_that_gives_up_does_not_wedge_the_others(
    batcher: Batcher,
    encoder: GatedEncoder,
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold(encoder, batcher, pool)
    interrupted = threading.Event()
    wait = threading.Event.wait

    def interrupt(event: threading.Event, timeout: float | None = None) -> bool:
        if threading.current_thread() is threading.main_thread() and not interrupted.is_set():
            interrupted.set()
            raise KeyboardInterrupt
        return wait(event, timeout)

    monkeypatch.setattr(threading.Event, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        batcher.embed_texts(["abandoned"] * 9)
    encoder.gate.set()
    assert batcher.embed_texts(["next"]).shape == (1, encoder.dim)
    assert all("abandoned" not in texts for texts in encoder.seen)


# -- callers who leave -----------------------------------------------------------------


def ask_for(caller: Caller, batcher: Batcher, texts: Sequence[str]) -> Embeddings:
    with working_for(caller):
        return batcher.embed_texts(texts)


def test_what_waits_for_somebody_who_leaves_is_not_embedded(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    hold(encoder, batcher, pool)
    caller = Caller()
    left = [pool.submit(ask_for, caller, batcher, [f"left {n}"]) for n in range(7)]
    wait_until(lambda: batcher.waiting == 7)
    [stays] = submit(batcher, pool, [["stays"]])
    with pytest.raises(Overloaded):
        batcher.embed_texts(["one too many"])
    caller.leave()
    for one in left:
        with pytest.raises(Abandoned):
            one.result(10)
    assert batcher.waiting == 1  # their places are free while the model is still busy
    assert batcher.counts.abandoned == 7
    others = submit(batcher, pool, [["other"]] * 7)
    encoder.gate.set()
    for one in [stays, *others]:
        assert one.result(10).shape == (1, encoder.dim)
    assert not any(text.startswith("left") for texts in encoder.seen for text in texts)


def test_the_rest_of_a_large_request_is_not_embedded_when_its_caller_leaves(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    encoder.gate.clear()
    encoder.running.clear()
    caller = Caller()
    big = pool.submit(ask_for, caller, batcher, [f"big{n}" for n in range(10)])
    assert encoder.running.wait(10)  # its first batch is in the model
    caller.leave()
    with pytest.raises(Abandoned):
        big.result(10)
    encoder.gate.set()
    batcher.embed_texts(["next"])
    assert encoder.seen == [["big0", "big1", "big2", "big3"], ["next"]]


def test_nothing_is_begun_for_somebody_who_has_left(batcher: Batcher, encoder: FakeEncoder) -> None:
    caller = Caller()
    caller.leave()
    with pytest.raises(Abandoned):
        ask_for(caller, batcher, ["late"])
    assert batcher.waiting == 0
    assert batcher.embed_texts(["next"]).shape == (1, encoder.dim)


# -- how much may wait -----------------------------------------------------------------


def test_large_requests_take_more_places_but_never_all(
    encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    with Batcher(lambda: encoder, batch=4, max_queue=16) as batcher:
        hold(encoder, batcher, pool)
        futures = submit(batcher, pool, [["x"] * 4000])  # an eighth: two of sixteen
        futures += submit(batcher, pool, [["x"] * 5] * 7)  # two each
        with pytest.raises(Overloaded, match=r"^8 requests .* 4035 images or texts"):
            batcher.embed_texts(["one too many"])
        encoder.gate.set()
        assert [len(one.result(10)) for one in futures] == [4000, *[5] * 7]


def test_refused_callers_are_told_an_honest_time(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    batcher.embed_texts(["warm"])
    batcher.counts.seconds["text"] = 10 * batcher.counts.inputs["text"]
    hold(encoder, batcher, pool)
    futures = submit(batcher, pool, [["x"]] * 4)
    assert batcher.wait_s() == pytest.approx(40)
    futures += submit(batcher, pool, [["x"]] * 4)
    with pytest.raises(Overloaded) as refused:
        batcher.embed_texts(["one too many"])
    assert refused.value.retry_after == LONGEST_WAIT_S  # rather than 80
    encoder.gate.set()
    for one in futures:
        one.result(10)
    assert batcher.wait_s() == 0


def test_what_was_done_is_counted(batcher: Batcher) -> None:
    batcher.embed_texts(["x"] * 6)
    batcher.embed_preprocessed(np.zeros((1, 8, 8, 3), np.uint8))
    assert dict(batcher.counts.sizes) == {4: 1, 2: 1, 1: 1}
    assert dict(batcher.counts.inputs) == {"text": 6, "image": 1}
    assert batcher.counts.seconds["text"] > 0


def test_a_model_that_cannot_be_loaded_is_reported_to_the_constructor() -> None:
    def load() -> FakeEncoder:
        raise ModelError("no such model")

    with pytest.raises(ModelError, match="no such model"):
        Batcher(load)


def test_many_threads_each_get_their_own_rows() -> None:
    texts = [f"{colour} thing {i}" for i, colour in enumerate(["red", "blue", "green"] * 60)]
    expected = FakeEncoder().embed_texts(texts)
    with Batcher(FakeEncoder, batch=16) as batcher, ThreadPoolExecutor(16) as pool:
        rows: list[NDArray[np.float32]] = list(
            pool.map(lambda text: batcher.embed_texts([text])[0], texts)
        )
    np.testing.assert_allclose(np.array(rows), expected, atol=1e-6)

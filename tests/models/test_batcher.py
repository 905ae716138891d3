"""Concurrent requests are joined, split back, and fail alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from mmembed.cancellation import Caller, working_for
from mmembed.config.text_limits import TextLimits
from mmembed.errors import LONGEST_WAIT_S, Abandoned, LimitError, ModelError, Overloaded
from mmembed.models.batcher import Batcher
from mmembed.types import Embeddings
from tests.fake_encoder import FakeEncoder
from tests.models.gated import GatedEncoder, hold, submit, wait_until


def test_it_is_the_encoder_it_wraps(batcher: Batcher, encoder: GatedEncoder) -> None:
    assert batcher.facts == encoder.facts
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
    assert batcher.embed_texts([]).shape == (0, encoder.facts.dim)
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
    assert first.result(10).shape == (1, encoder.facts.dim)
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
    assert good.result(10).shape == other.result(10).shape == (1, encoder.facts.dim)
    with pytest.raises(ModelError, match="bad text"):
        bad.result(10)
    assert batcher.embed_texts(["still here"]).shape == (1, encoder.facts.dim)


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
    with pytest.raises(ValueError, match="axes"):  # what FakeEncoder makes of it
        futures[1].result(10)
    assert futures[0].result(10).shape == futures[2].result(10).shape == (1, encoder.facts.dim)


def test_a_full_queue_says_so(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    hold(encoder, batcher, pool)
    futures = submit(batcher, pool, [["x"]] * 8)
    with pytest.raises(Overloaded, match=r"^8 requests are already waiting.*MMEMBED_MAX_QUEUE"):
        batcher.embed_texts(["one too many"])
    encoder.gate.set()
    assert all(future.result(10).shape == (1, encoder.facts.dim) for future in futures)


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
    assert batcher.embed_texts(["next"]).shape == (1, encoder.facts.dim)
    assert all("abandoned" not in texts for texts in encoder.seen)


def ask_for(caller: Caller, batcher: Batcher, texts: Sequence[str]) -> Embeddings:
    with working_for(caller):
        return batcher.embed_texts(texts)


def ask_for_pixels(caller: Caller, batcher: Batcher, pixels: NDArray[np.uint8]) -> Embeddings:
    with working_for(caller):
        return batcher.embed_preprocessed(pixels)


# -- callers who leave -----------------------------------------------------------------


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
        assert one.result(10).shape == (1, encoder.facts.dim)
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
    assert batcher.embed_texts(["next"]).shape == (1, encoder.facts.dim)


# -- how much may wait -----------------------------------------------------------------


@pytest.mark.slow
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
    batcher.counts.note("text", 1, 10.0)  # what an input takes
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


def test_who_would_wait_too_long_is_refused_at_once(
    encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    with Batcher(lambda: encoder, batch=2, max_queue=100, max_wait=3.0) as batcher:
        batcher.counts.note("text", 1, 1.0)
        hold(encoder, batcher, pool)
        futures = submit(batcher, pool, [["x"]] * 9)
        with pytest.raises(
            Overloaded, match=r"^9 requests .*would wait 9\.0 s; .*MAX_WAIT"
        ) as said:
            ask_for(Caller(), batcher, ["one too many"])
        assert said.value.retry_after == 9
        pixels = np.zeros((1, 8, 8, 3), np.uint8)  # which have a lane of their own
        futures.append(pool.submit(ask_for_pixels, Caller(), batcher, pixels))
        with ThreadPoolExecutor(1) as patient:  # whoever indexes waits
            [last] = submit(batcher, patient, [["patient"]])
            encoder.gate.set()
            assert [len(one.result(10)) for one in [*futures, last]] == [1] * 11
        assert batcher.counts.abandoned == 0


def test_what_was_begun_is_not_refused_half_way(
    encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    caller = Caller()
    with Batcher(lambda: encoder, batch=1, max_queue=4, max_wait=1.0) as batcher:
        ask_for(caller, batcher, ["the first part"])
        batcher.counts.note("text", 1, 100.0)
        hold(encoder, batcher, pool)
        futures = submit(batcher, pool, [["x"]] * 4)
        with pytest.raises(Overloaded):
            ask_for(Caller(), batcher, ["somebody else"])
        futures.append(pool.submit(ask_for, caller, batcher, ["the second part"]))
        wait_until(lambda: batcher.waiting == 5)
        encoder.gate.set()
        assert [len(one.result(10)) for one in futures] == [1] * 5


# -- long texts ------------------------------------------------------------------------


def test_a_long_text_takes_turns_with_the_others(
    batcher: Batcher, encoder: GatedEncoder, pool: ThreadPoolExecutor
) -> None:
    text = "a red bus, " * 500  # 20 windows
    hold(encoder, batcher, pool)
    futures = submit(batcher, pool, [[text, "blue"], ["small"]])
    encoder.gate.set()
    np.testing.assert_allclose(
        futures[0].result(10), FakeEncoder().embed_texts([text, "blue"]), atol=1e-6
    )
    assert len(futures[1].result(10)) == 1
    assert max(map(len, encoder.seen)) <= 4
    assert [place for place, texts in enumerate(encoder.seen) if "small" in texts] == [2]


def test_a_text_of_too_many_windows_is_refused_before_it_waits(encoder: GatedEncoder) -> None:
    limits = TextLimits(text_windows=3, all_windows=5)
    with Batcher(lambda: encoder, limits=limits) as batcher:
        with pytest.raises(LimitError, match=r"1000 characters .* 3 windows .*MAX_TEXT_WINDOWS"):
            batcher.embed_texts(["ok", "x y " * 250])
        three = "word " * 225
        with pytest.raises(LimitError, match=r"more than 5 windows .*MMEMBED_MAX_ALL_WINDOWS"):
            batcher.embed_texts([three, three])
        assert encoder.seen == []
        assert batcher.embed_texts([three, "a", "b"]).shape == (3, encoder.facts.dim)


# -- a model that hangs -----------------------------------------------------------------


def test_what_was_done_is_counted(batcher: Batcher) -> None:
    batcher.embed_texts(["x"] * 6)
    batcher.embed_preprocessed(np.zeros((1, 8, 8, 3), np.uint8))
    assert dict(batcher.counts.sizes) == {4: 1, 2: 1, 1: 1}
    assert dict(batcher.counts.inputs) == {"text": 6, "image": 1}
    assert batcher.counts.seconds["text"] > 0


def test_many_threads_each_get_their_own_rows() -> None:
    texts = [f"{colour} thing {i}" for i, colour in enumerate(["red", "blue", "green"] * 60)]
    expected = FakeEncoder().embed_texts(texts)
    with Batcher(FakeEncoder, batch=16) as batcher, ThreadPoolExecutor(16) as pool:
        rows: list[NDArray[np.float32]] = list(
            pool.map(lambda text: batcher.embed_texts([text])[0], texts)
        )
    np.testing.assert_allclose(np.array(rows), expected, atol=1e-6)

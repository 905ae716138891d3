"""Whose turn it is, and who would wait too long."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator

import pytest

from mmembed.models.batch_queue import (
    PASSED_OVER,
    SHORT_BATCHES,
    STRETCH,
    BatchCounts,
    Kind,
    Request,
    Turns,
)

BATCH = 4


@pytest.fixture
def counts() -> BatchCounts:
    """A text takes 10 ms, an image 100 ms."""
    counts = BatchCounts()
    counts.note("text", 100, 1.0)
    counts.note("image", 10, 1.0)
    return counts


@pytest.fixture
def turns(counts: BatchCounts) -> Turns:
    return Turns(BATCH, counts)


def texts(count: int, name: str = "text") -> Request:
    return Request("text", [f"{name} {number}" for number in range(count)])


def images(count: int) -> Request:
    return Request("image", list(map(str, range(count))))


def kinds(turns: Turns, seconds: dict[Kind, float]) -> Iterator[Kind]:
    """The kinds of the batches, each of which takes its time."""
    while pieces := turns.take():
        kind = pieces[0][0].kind
        turns.charge(kind, seconds[kind])
        yield kind


def test_a_batch_is_filled_in_the_order_of_arrival(turns: Turns) -> None:
    for count in (1, 2, 1, 1):
        turns.add(texts(count))
    assert [len(inputs) for _, inputs in turns.take()] == [1, 2, 1]
    assert [len(inputs) for _, inputs in turns.take()] == [1]
    assert turns.take() == []


def test_who_is_new_goes_before_all_who_began(turns: Turns) -> None:
    large = [texts(100, f"large {number}") for number in range(20)]
    for one in large:
        turns.add(one)
        turns.take()
    small = texts(1, "small")
    turns.add(small)
    pieces = turns.take()
    assert pieces[0] == (small, ["small 0"])
    assert sum(len(inputs) for _, inputs in pieces) == BATCH


def test_who_began_goes_on_though_new_ones_keep_coming(turns: Turns) -> None:
    large = texts(40)
    turns.add(large)
    taken = 0
    while large.left:
        for _ in range(BATCH):
            turns.add(texts(1))
        turns.take()
        taken += 1
    assert taken <= 40 / (BATCH // 2)


def test_texts_and_images_share_the_time_evenly(turns: Turns) -> None:
    turns.add(images(400))
    turns.add(texts(4000))
    order = kinds(turns, {"image": 0.4, "text": 0.04})
    first = Counter(next(order) for _ in range(110))
    assert first["text"] == pytest.approx(100, abs=5)


def test_a_lane_that_was_empty_has_saved_up_nothing(turns: Turns) -> None:
    turns.add(texts(400))
    list(kinds(turns, {"image": 0.4, "text": 1.0}))
    turns.add(images(4))
    turns.add(texts(4))
    turns.add(images(400))
    turns.add(texts(400))
    order = kinds(turns, {"image": 1.0, "text": 1.0})
    assert Counter(next(order) for _ in range(20))["text"] == pytest.approx(10, abs=1)


def test_who_leaves_takes_up_nothing(turns: Turns) -> None:
    requests = [texts(3), images(3), texts(30)]
    for one in requests:
        one.places = 2
        turns.add(one)
    turns.take()
    turns.remove(requests[2])
    turns.remove(requests[2])
    assert [len(inputs) for _, inputs in turns.take()] == [3]
    assert (len(turns), turns.left, turns.places) == (0, 0, 0)


def test_the_pace_is_that_of_late(counts: BatchCounts) -> None:
    for _ in range(100):
        counts.note("text", 10, 1.0)
    assert counts.pace("text") == pytest.approx(0.1, rel=0.01)
    assert counts.inputs["text"] == 1100
    assert BatchCounts().pace("image") == 0


# -- who would wait too long -------------------------------------------------------------


def test_small_requests_wait_for_none_of_the_large_ones(turns: Turns) -> None:
    turns.add(texts(10_000))  # 100 s
    assert turns.work_s() == pytest.approx(100)
    assert turns.wait_s("text", 1) == pytest.approx(0.04)  # a batch
    assert turns.wait_s("text", 10_000) == pytest.approx(100)


def test_words_wait_no_longer_for_pictures_than_for_each_other(turns: Turns) -> None:
    turns.add(images(1000))  # 100 s
    assert turns.wait_s("text", 1) == pytest.approx(0.4)  # a batch of images
    for _ in range(100):
        turns.add(texts(1))
    assert turns.wait_s("text", 1) == pytest.approx(1 + 1, abs=0.1)


def test_a_handful_may_always_wait(counts: BatchCounts, turns: Turns) -> None:
    counts.note("text", 1, 1e6)  # a very slow model
    for _ in range(SHORT_BATCHES * BATCH):
        assert turns.too_long_s("text", 1, most_s=1) is None
        turns.add(texts(1))
    turns.add(texts(1))
    assert turns.too_long_s("text", 1, most_s=1) is not None


def test_who_takes_long_may_wait_long(turns: Turns) -> None:
    for _ in range(STRETCH):
        assert turns.too_long_s("text", 1000, most_s=1) is None
        turns.add(texts(1000))
    assert turns.too_long_s("text", 1, most_s=1) is None  # it is done at once
    turns.add(texts(1000))
    assert turns.too_long_s("text", 1000, most_s=1) == pytest.approx(90)


def test_a_batch_that_is_late_counts(turns: Turns) -> None:
    for _ in range(20):
        turns.add(texts(1))
    assert turns.too_long_s("text", 1, most_s=1) is None
    assert turns.too_long_s("text", 1, most_s=1, late_s=2) == pytest.approx(2.2)


# -- ten times as much as can be done ------------------------------------------------------


def seconds_of(kind: Kind, size: int) -> float:
    """What a batch costs: something for itself, and something for each input."""
    return 0.005 + size * {"text": 0.001, "image": 0.006}[kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text", "image"])
def test_ten_times_the_load_costs_no_answers(kind: Kind) -> None:
    """In simulated time: answers within the limit come as fast as the model can give them."""
    batch, most_s, duration_s = 16, 0.5, 8.0
    capacity = batch / seconds_of(kind, batch)
    counts = BatchCounts()
    turns = Turns(batch, counts)
    now, arrival, latencies, refused = 0.0, 0.0, list[float](), 0
    while now < duration_s:
        while arrival <= now:
            if turns.too_long_s(kind, 1, most_s=most_s) is None:
                turns.add(Request(kind, ["x"], since=arrival))
            else:
                refused += 1
            arrival += 1 / (10 * capacity)
        pieces = turns.take()
        now = now + seconds_of(kind, len(pieces)) if pieces else arrival
        if pieces:
            counts.note(kind, len(pieces), seconds_of(kind, len(pieces)))
            turns.charge(kind, seconds_of(kind, len(pieces)))
        latencies += [now - request.since for request, _ in pieces]
    # Beyond the wait: the batch that ran when they came, and their own.
    longest_s = most_s + 2 * seconds_of(kind, batch)
    in_time = [latency for latency in latencies if latency <= longest_s]
    assert len(in_time) >= 0.95 * capacity * duration_s
    assert len(in_time) >= 0.99 * len(latencies)
    assert refused > 8 * len(latencies)


def test_words_are_quick_though_pictures_overload_the_model() -> None:
    batch, duration_s = 16, 8.0
    counts = BatchCounts()
    turns = Turns(batch, counts)
    rates: list[tuple[Kind, float]] = [("image", 1500.0), ("text", 100.0)]
    arrivals = [(0.0, kind, rate) for kind, rate in rates]
    now, latencies = 0.0, {"text": list[float](), "image": list[float]()}
    refused: Counter[Kind] = Counter()
    while now < duration_s:
        while arrivals[0][0] <= now:
            at, kind, rate = heapq.heappop(arrivals)
            if turns.too_long_s(kind, 1, most_s=0.5) is None:
                turns.add(Request(kind, ["x"], since=at))
            else:
                refused[kind] += 1
            heapq.heappush(arrivals, (at + 1 / rate, kind, rate))
        if pieces := turns.take():
            kind = pieces[0][0].kind
            seconds = seconds_of(kind, len(pieces))
            counts.note(kind, len(pieces), seconds)
            turns.charge(kind, seconds)
            now += seconds
            latencies[kind] += [now - request.since for request, _ in pieces]
        else:
            now = arrivals[0][0]
    assert refused["image"] > 100
    assert refused["text"] == 0
    assert max(latencies["text"]) < 0.3


# -- the background ------------------------------------------------------------------


def test_a_background_request_waits_while_there_are_others(turns: Turns) -> None:
    spare = Request("text", ["a", "b"], background=True)
    turns.add(spare)
    turns.add(texts(1))
    turns.add(images(1))
    assert len(turns) == 2
    taken = [turns.take()[0][0] for _ in range(3)]
    assert taken[-1] is spare
    assert not turns
    assert turns.take() == []


def test_a_background_request_counts_for_nobodys_wait(turns: Turns) -> None:
    turns.add(Request("text", ["x"] * 1000, background=True))
    assert turns
    assert len(turns) == turns.left == turns.places == turns.work_s() == 0
    assert turns.too_long_s("text", 1, most_s=0.0) is None


def test_a_background_request_has_its_turn_in_the_end(turns: Turns) -> None:
    spare = Request("text", ["a"], background=True)
    turns.add(spare)
    for number in range(PASSED_OVER):
        turns.add(texts(1, f"{number}"))
        assert turns.take()[0][0] is not spare
    turns.add(texts(1))
    assert turns.take()[0][0] is spare


def test_a_background_request_can_be_withdrawn(turns: Turns) -> None:
    spare = Request("text", ["a"], background=True)
    turns.add(spare)
    turns.remove(spare)
    assert not turns
    turns.add(spare)
    assert turns.clear() == [spare]
    assert not turns

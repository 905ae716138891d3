"""A model is there when it is needed, and gone when nobody needs it."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mmembed.config.batching import Batching
from mmembed.config.settings import Settings
from mmembed.errors import ModelError, Overloaded
from mmembed.models.lazy_encoder import MOST_HANGING, LazyEncoder
from tests.fake_encoder import FakeEncoder
from tests.serving import PATIENCE_S, Gate, eventually

IDLE_S = 0.05


class Loader:
    """Loads encoders, and knows those that are still in memory."""

    def __init__(self, make: Callable[[], FakeEncoder] = FakeEncoder) -> None:
        self.make = make
        self.made: list[weakref.ref[FakeEncoder]] = []

    def __call__(self) -> FakeEncoder:
        encoder = self.make()
        self.made.append(weakref.ref(encoder))
        return encoder

    def alive(self) -> int:
        gc.collect()
        return sum(one() is not None for one in self.made)


def resident(load: Loader, idle_s: float = IDLE_S) -> LazyEncoder:
    return LazyEncoder(load, unload_after=idle_s)


@pytest.fixture
def load() -> Loader:
    return Loader()


@pytest.fixture
def model(load: Loader) -> Iterator[LazyEncoder]:
    model = resident(load)
    yield model
    model.close()


def test_it_is_the_encoder_it_loads(model: LazyEncoder) -> None:
    assert model.facts == FakeEncoder().facts
    assert model.count_tokens("a red bus") == 5
    np.testing.assert_array_equal(model.embed_texts(["red"]), FakeEncoder().embed_texts(["red"]))


def test_it_is_loaded_at_first_need(model: LazyEncoder, load: Loader) -> None:
    assert (model.loaded, model.known, model.waiting, model.wait_s()) == (False, None, 0, 0)
    assert model.facts.dim == 16
    assert (model.loaded, model.loads, len(load.made)) == (True, 1, 1)


def test_idle_it_leaves_the_memory_and_comes_back(model: LazyEncoder, load: Loader) -> None:
    before = model.embed_texts(["red"])
    eventually(lambda: not model.loaded)
    eventually(lambda: load.alive() == 0)
    assert (model.facts.dim, model.loads) == (16, 1)  # what is known of it needs no loading
    np.testing.assert_array_equal(model.embed_texts(["red"]), before)
    assert model.loads == 2
    assert model.counts.inputs["text"] == 2  # goes on counting


def test_it_stays_unless_told_otherwise(load: Loader) -> None:
    assert Settings.unload_after == 0
    model = resident(load, 0)
    model.load()
    assert not [one for one in threading.enumerate() if one.name == "mmembed-idle"]
    model.close()


@pytest.mark.slow
def test_it_stays_while_it_works() -> None:
    gate = Gate()
    model = resident(Loader(lambda: gate))
    gate.close()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(model.embed_texts, ["red"])
        assert gate.reached.wait(PATIENCE_S)
        assert not model._end.wait(5 * IDLE_S)
        assert model.loaded
        gate.open.set()
        assert answer.result(PATIENCE_S).shape == (1, 16)
    eventually(lambda: not model.loaded)
    model.close()


@pytest.mark.slow
def test_many_threads_never_lose_an_answer_to_its_going(load: Loader) -> None:
    model = resident(load, 0.0005)
    expected = FakeEncoder().embed_texts(["red"])

    def ask(_: int) -> None:
        np.testing.assert_array_equal(model.embed_texts(["red"]), expected)

    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            list(pool.map(ask, range(16)))
            eventually(lambda: not model.loaded)
    assert model.loads > 1
    model.close()


def test_a_probe_neither_wakes_nor_keeps_it(model: LazyEncoder) -> None:
    model.probe()
    assert model.loads == 1  # it was never tried before
    eventually(lambda: not model.loaded)
    model.probe()
    assert not model.loaded


def test_it_does_not_come_back_as_another() -> None:
    names = iter(["one", "another"])
    model = resident(Loader(lambda: FakeEncoder(next(names))))
    model.load()
    eventually(lambda: not model.loaded)
    with pytest.raises(ModelError, match="start the server again"):
        model.embed_texts(["red"])
    model.close()


def test_a_failure_to_load_is_not_kept() -> None:
    answers: Iterator[FakeEncoder | ModelError] = iter([ModelError("no memory"), FakeEncoder()])

    def make() -> FakeEncoder:
        found = next(answers)
        if isinstance(found, ModelError):
            raise found
        return found

    model = resident(Loader(make))
    with pytest.raises(ModelError, match="no memory"):
        model.load()
    assert (model.loaded, model.loading) == (False, False)
    assert model.embed_texts(["red"]).shape == (1, 16)
    model.close()
    with pytest.raises(Overloaded, match="shutting down"):
        model.embed_texts(["red"])


# -- a model that hangs -------------------------------------------------------------------


def hanging(model: LazyEncoder, gate: Gate) -> None:
    """Ask, so that the model hangs and is given up."""
    gate.close()
    with pytest.raises(ModelError, match=r"no progress for 0\.2 s"):
        model.embed_texts(["hangs"])


@pytest.mark.slow
def test_a_model_that_hangs_is_replaced() -> None:
    gates = [Gate(), Gate(), Gate(), Gate()]
    waiting = iter(gates)
    model = LazyEncoder(lambda: next(waiting), batching=Batching(timeout=0.2))
    for gate in gates[:MOST_HANGING]:
        model.load()
        hanging(model, gate)
        assert model.embed_texts(["red"]).shape == (1, 16)  # by the next
    assert model.loads == MOST_HANGING + 1
    hanging(model, gates[MOST_HANGING])
    with pytest.raises(ModelError, match="start the server again"):
        model.embed_texts(["red"])
    with pytest.raises(ModelError):  # which is what /health asks
        model.probe()
    gates[0].open.set()  # one of them comes back, and its thread ends
    eventually(lambda: any(one.ended for one in model._hanging))
    assert model.embed_texts(["red"]).shape == (1, 16)
    for gate in gates:
        gate.open.set()
    model.close()


@pytest.mark.slow
def test_nothing_watches_over_a_model_that_is_gone() -> None:
    gates = [Gate(), Gate()]
    waiting = iter(gates)
    model = LazyEncoder(lambda: next(waiting), batching=Batching(timeout=0.2), unload_after=0.5)
    model.load()
    hanging(model, gates[0])
    assert model.embed_texts(["red"]).shape == (1, 16)  # watched twice now
    eventually(lambda: not model.loaded)
    eventually(lambda: not any(one.name == "mmembed-idle" for one in threading.enumerate()))
    gates[0].open.set()
    model.close()


def test_closing_waits_for_no_model_that_hangs() -> None:
    gate = Gate()
    model = LazyEncoder(lambda: gate)
    model.load()
    gate.close()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(model.embed_texts, ["red"])
        assert gate.reached.wait(PATIENCE_S)
        model.close(0.1)
        with pytest.raises(Overloaded, match="shutting down"):
            answer.result(PATIENCE_S)
    gate.open.set()

"""When the bank is embedded, by whom, and who waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmembed.collection.bank_of_model import ModelBank
from mmembed.errors import ModelError
from mmembed.media.image_limits import ImageLimits
from mmembed.models.inputs import Embedder
from mmembed.models.lazy_encoder import LazyEncoder
from tests.fake_encoder import FakeEncoder
from tests.serving import Gate, eventually

TEXTS = tuple(f"word {number}" for number in range(50))
Open = Callable[..., ModelBank]


def quietly(done: int, total: int, failed: int) -> None:
    """No progress."""


@pytest.fixture
def open_bank(tmp_path: Path) -> Iterator[Open]:
    """Opens the bank of an encoder; all banks share a cache folder."""
    opened: list[tuple[ModelBank, LazyEncoder]] = []
    with ThreadPoolExecutor(1) as decoders:

        def open_one(encoder: FakeEncoder, texts: tuple[str, ...] = TEXTS) -> ModelBank:
            model = LazyEncoder(lambda: encoder)
            embedder = Embedder(
                lambda: "fake", model, limits=ImageLimits(), decoders=decoders, turn=1,
                stored=lambda item_id: b"",
            )  # fmt: skip
            bank = ModelBank(texts, embedder, tmp_path, 16)
            opened.append((bank, model))
            return bank

        yield open_one
        for bank, model in opened:
            bank.close()
            model.close()


def test_the_bank_is_made_with_progress_and_kept(open_bank: Open) -> None:
    encoder, seen = FakeEncoder(), list[int]()
    first = open_bank(encoder)
    first.make(lambda done, total, failed: seen.append(done))
    bank = first.now()
    assert bank is not None
    assert bank.texts == TEXTS
    assert np.allclose(bank.embeddings, encoder.embed_texts(TEXTS))
    assert (seen[0], seen[-1]) == (0, len(TEXTS))
    assert seen == sorted(seen)

    second = FakeEncoder()
    again = open_bank(second).now()
    assert again is not None
    assert second.batches == []
    assert np.array_equal(again.embeddings, bank.embeddings)


def test_a_known_fingerprint_needs_no_model(open_bank: Open) -> None:
    open_bank(encoder := FakeEncoder()).make(quietly)

    class Unloadable(FakeEncoder):
        @property
        def facts(self) -> Any:
            raise AssertionError("the model was loaded")

        @facts.setter
        def facts(self, value: Any) -> None:
            """Ignored."""

    bank = open_bank(Unloadable())
    bank.make(quietly, encoder.facts.fingerprint)
    assert bank.now() is not None


def test_no_search_waits_for_the_bank(open_bank: Open) -> None:
    gate = Gate()
    bank = open_bank(gate)
    gate.close()
    assert bank.now() is None
    assert bank.now() is None
    assert sum(thread.name == "mmembed-bank" for thread in threading.enumerate()) == 1
    gate.open.set()
    eventually(lambda: bank.now() is not None)
    assert sum(gate.batches) == len(TEXTS)


def test_nothing_is_embedded_where_no_bank_is_wanted(open_bank: Open) -> None:
    encoder = FakeEncoder()
    bank = open_bank(encoder, ())
    bank.make(quietly)
    assert bank.now() is None
    assert encoder.batches == []


def test_a_failure_is_logged_once_and_tried_again_later(
    open_bank: Open, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(FakeEncoder):
        broken = True

        def embed_texts(self, texts: Any) -> Any:
            if self.broken:
                raise ModelError("out of memory")
            return super().embed_texts(texts)

    encoder = Broken()
    bank = open_bank(encoder)
    with caplog.at_level(logging.WARNING):
        assert bank.now() is None
        eventually(lambda: "out of memory" in caplog.text)
        eventually(lambda: all(one.name != "mmembed-bank" for one in threading.enumerate()))
        assert bank.now() is None
    assert caplog.text.count("out of memory") == 1
    with pytest.raises(ModelError, match="out of memory"):
        bank.make(quietly)
    encoder.broken = False
    monkeypatch.setattr("mmembed.collection.bank_of_model.RETRY_S", 0.0)
    eventually(lambda: bank.now() is not None)


def test_closing_ends_the_work(open_bank: Open) -> None:
    gate = Gate()
    bank = open_bank(gate)
    gate.close()
    assert bank.now() is None
    assert gate.reached.wait(5)
    bank.close()
    assert all(one.name != "mmembed-bank" for one in threading.enumerate())
    gate.open.set()


def test_a_bank_that_another_thread_makes_meanwhile_is_not_made_again(
    open_bank: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it where the cache folder cannot keep it."""
    monkeypatch.setattr("mmembed.collection.bank_of_model.keep_bank", lambda *_: None)
    bank, making = open_bank(encoder := FakeEncoder()), threading.Lock()

    class Meanwhile:
        def __enter__(self) -> None:
            monkeypatch.setattr(bank, "_making", making)
            bank.make(quietly)  # as another thread would, before this one has the lock

        def __exit__(self, *_: object) -> None:
            """No lock is held."""

    monkeypatch.setattr(bank, "_making", Meanwhile())
    bank.make(quietly)
    assert sum(encoder.batches) == len(TEXTS)

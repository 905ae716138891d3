"""What is for graphics cards: as far as it can be run without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mmembed.engines import choice, fixed_batches
from mmembed.engines.choice import Trial, choose, usable
from mmembed.engines.fixed_batches import SIZES, FixedBatches
from mmembed.engines.names import COMPILED, MIN_COSINE, Measured
from mmembed.engines.torch_engine import TorchEngine, placed
from mmembed.engines.towers import Towers
from mmembed.errors import ModelError
from mmembed.models.open_clip import encoder_factory, load_encoder
from mmembed.models.open_clip.engine_record import EngineRecord
from mmembed.models.open_clip.load_model import load_model
from tests.random_models import OPENAI, SIGLIP, SIGLIP_PIXELS, SMALL, cosines, save_random

pytestmark = pytest.mark.slow

CPU_NAMES = [COMPILED, "torch-float32"]


@pytest.fixture(scope="module")
def towers(model: str) -> Towers:
    return load_model(model).towers


@pytest.fixture
def plain_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's own compiler takes ten seconds; this one only follows the Python."""
    monkeypatch.setattr(fixed_batches, "BACKEND", "eager")
    monkeypatch.setattr(choice, "usable", lambda device: CPU_NAMES)


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("Cannot find a working triton installation.\nSee the instructions.")

    monkeypatch.setattr(fixed_batches, "BACKEND", fail)
    monkeypatch.setattr(choice, "usable", lambda device: CPU_NAMES)


def noise(count: int) -> NDArray[np.uint8]:
    blocks = np.random.default_rng(count).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return np.ascontiguousarray(blocks.repeat(8, axis=1).repeat(8, axis=2))


def test_all_batches_run_at_a_few_sizes_and_are_compiled_once(
    towers: Towers, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Any] = []
    sizes: list[int] = []

    def backend(graph: Any, inputs: Any) -> Any:
        compiled.append(graph)

        def run(*arguments: Any) -> Any:
            pixels = [one for one in arguments if getattr(one, "dtype", None) == torch.uint8]
            sizes.extend(len(one) for one in pixels)
            return graph.forward(*arguments)

        return run

    monkeypatch.setattr(fixed_batches, "BACKEND", backend)
    tower = FixedBatches(towers.images, towers.image_size, "cpu")
    sizes.clear()
    with torch.inference_mode():
        for count in (1, 2, 3, 16, 17, 128, 1):
            pixels = torch.from_numpy(noise(count))
            rows = tower(pixels)
            assert len(rows) == count
            torch.testing.assert_close(rows, towers.images(pixels), rtol=1e-4, atol=1e-5)
    assert sizes == [2, 2, 4, 16, 32, 128, 2]
    assert len(compiled) == 1


@pytest.mark.parametrize("count", [1, SIZES[0] + 5])
def test_the_compiled_engine_gives_the_same_vectors(
    towers: Towers, plain_compiler: None, count: int
) -> None:
    """Also where a batch is sent in parts, the last of them not full."""
    engine, reference = TorchEngine(COMPILED, towers), TorchEngine("torch-float32", towers)
    found, expected = (one.encode_images(noise(count)) for one in (engine, reference))
    assert found.shape == expected.shape
    assert cosines(found, expected).min() >= MIN_COSINE["compiled"]
    texts = [one.encode_texts(towers.tokens) for one in (engine, reference)]
    assert cosines(*texts).min() >= MIN_COSINE["compiled"]


def test_a_compiler_that_fails_is_told_of_and_another_engine_taken(
    towers: Towers, no_compiler: None, caplog: pytest.LogCaptureFixture
) -> None:
    engine, measured = choose("auto", towers, "cpu")
    assert engine.name == "torch-float32"
    assert [one.exact_enough for one in measured] == [False, True]
    assert "engine torch-compiled cannot be used" in caplog.text
    assert "Cannot find a working triton installation. See" in caplog.text
    with pytest.raises(ModelError, match=r"torch-compiled: cannot be used here: .*triton"):
        choose(COMPILED, towers, "cpu")


def fastest_is_compiled(self: Any, name: str, build: Any) -> Measured:
    build(name)
    return Measured(name, 9.0 if name == COMPILED else 1.0, 1.0, 1.0)


def test_the_choice_is_kept_until_its_compiler_is_gone(
    model: str,
    tmp_path: Path,
    plain_compiler: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(choice.Trial, "measure", fastest_is_compiled)
        assert load_encoder(model, cache=tmp_path).facts.engine == COMPILED
        patched.setattr(choice.Trial, "measure", None)
        assert load_encoder(model, cache=tmp_path).facts.engine == COMPILED
    monkeypatch.setattr(fixed_batches, "BACKEND", "no such compiler")
    assert load_encoder(model, cache=tmp_path).facts.engine == "torch-float32"
    assert "trying all engines again" in caplog.text
    kept = EngineRecord.find(tmp_path, model)
    assert kept is not None
    assert kept.fastest == "torch-float32"


def test_compiling_has_to_be_worth_its_time() -> None:
    eager = Measured("torch-float16", 100.0, 1.0, 1.0)
    assert Measured(COMPILED, 115.0, 1.0, 1.0).worth < eager.worth
    assert Measured(COMPILED, 125.0, 1.0, 1.0).worth > eager.worth


def test_compiling_is_for_cards_alone() -> None:
    assert COMPILED not in usable("cpu")
    assert COMPILED not in usable("mps")
    assert COMPILED in usable("cuda")


def test_an_engine_whose_texts_overflow_is_not_exact(towers: Towers) -> None:
    """Half precision has no numbers above 65,504."""

    class Overflowing(TorchEngine):
        def encode_texts(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
            return np.full_like(super().encode_texts(tokens), np.nan)

    reference = TorchEngine("torch-float32", towers)
    trial = Trial.of(towers, reference)
    found = trial.measure("torch-float16", lambda name: Overflowing("torch-float32", towers))
    assert not found.exact_enough


@pytest.mark.parametrize(("config", "pixels"), [(SMALL, OPENAI), (SIGLIP, SIGLIP_PIXELS)])
def test_nothing_of_a_tower_stays_behind_on_the_cpu(
    tmp_path: Path, config: dict[str, Any], pixels: dict[str, Any]
) -> None:
    """torch's «meta» device refuses what is on another, as a card does."""
    towers = load_model(save_random(tmp_path, config, pixels)).towers
    images, texts = placed(towers, "meta", torch.float16)
    black = torch.zeros((3, *towers.image_size, 3), dtype=torch.uint8, device="meta")
    with torch.inference_mode():
        for rows in (images(black), texts(torch.from_numpy(towers.tokens).to("meta"))):
            assert rows.device.type == "meta"
            assert rows.dtype == torch.float32


def test_what_was_measured_on_one_device_does_not_count_on_another(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_encoder(model, engine="openvino-float32", cache=tmp_path)
    assert EngineRecord.find(tmp_path, model) is not None
    assert EngineRecord.find(tmp_path, model, "cuda") is None
    monkeypatch.setattr(encoder_factory, "may_have_accelerator", lambda: True)
    monkeypatch.setattr("mmembed.engines.torch_engine.device_of_choice", lambda: "meta")
    assert load_encoder(model, engine="openvino-float32", cache=tmp_path).facts.dim == 32
    with pytest.raises(ModelError, match="torch-onednn: cannot be had here; there are torch-f"):
        load_encoder(model, engine="torch-onednn", cache=tmp_path)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
@pytest.mark.parametrize("name", usable("cuda"))
def test_engines_of_a_card_give_the_same_vectors(towers: Towers, name: str) -> None:
    engine, reference = TorchEngine(name, towers, "cuda"), TorchEngine("torch-float32", towers)
    for count in (1, 3, SIZES[0] + 5):
        found, expected = (one.encode_images(noise(count)) for one in (engine, reference))
        assert cosines(found, expected).min() >= MIN_COSINE[name.rpartition("-")[2]]

"""Engines differ in speed, not in vectors; what was prepared is trusted only while it fits."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mmembed import files
from mmembed.engines import choice
from mmembed.engines.choice import choose, usable
from mmembed.engines.names import MIN_COSINE, Measured
from mmembed.engines.openvino_engine import OpenVinoEngine
from mmembed.engines.torch_engine import TorchEngine
from mmembed.engines.towers import ClassTokenTower, ShortTextTower
from mmembed.errors import InputError, ModelError
from mmembed.models.open_clip import engine_record, load_encoder
from mmembed.models.open_clip.engine_record import EngineRecord, _about
from mmembed.models.open_clip.load_model import load_model
from tests.engines.texts import TEXTS
from tests.random_models import OPEN_CLIP, OPENAI, SMALL, cosines, picture, save_random
from tests.serving import environment

pytestmark = pytest.mark.slow

NAMES = usable("cpu")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def prepared(model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which the model was prepared."""
    folder = tmp_path_factory.mktemp("prepared")
    load_encoder(model, engine="openvino-float32", cache=folder)
    return folder


@pytest.fixture
def kept(model: str, prepared: Path, tmp_path: Path) -> Path:
    """What was prepared of the model in a cache of its own, `tmp_path`."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    record = EngineRecord.find(tmp_path, model)
    assert record is not None
    return record.folder


def vectors(encoder: Any) -> NDArray[np.float32]:
    pixels = np.stack([encoder.preprocess(picture(seed)) for seed in range(20)])
    return np.concatenate([encoder.embed_preprocessed(pixels), encoder.embed_texts(TEXTS)])


@pytest.mark.parametrize("name", NAMES)
def test_every_engine_gives_the_same_vectors(model: str, cache: Path, name: str) -> None:
    reference = vectors(load_encoder(model, engine="torch-float32", cache=cache))
    encoder = load_encoder(model, engine=name, cache=cache)
    assert encoder.facts.engine == name
    found = vectors(encoder)
    assert cosines(found, reference).min() >= MIN_COSINE[name.rpartition("-")[2]]
    alone = encoder.embed_texts(TEXTS[:1])
    assert cosines(alone, found[20:21]).min() >= 0.99999


@pytest.mark.parametrize("layers", [1, 2])
def test_a_last_block_for_one_position_changes_nothing(layers: int) -> None:
    """The towers that engines are built from give open_clip's own vectors."""
    torch.manual_seed(0)
    tall = {kind: {**SMALL[kind], "layers": layers} for kind in ("vision_cfg", "text_cfg")}
    model = OPEN_CLIP.CLIP(SMALL["embed_dim"], **tall).eval()
    images, tokens = torch.rand(3, 3, 64, 64), OPEN_CLIP.tokenize(TEXTS, context_length=20)
    seen = ClassTokenTower.of(OPEN_CLIP, model)
    read = ShortTextTower.of(OPEN_CLIP, model)
    assert seen is not None
    assert read is not None
    with torch.inference_mode():
        torch.testing.assert_close(seen(images), model.encode_image(images))
        torch.testing.assert_close(read(tokens), model.encode_text(tokens))


@pytest.mark.parametrize(
    "vision",
    [{"pool_type": "avg"}, {"attentional_pool": True}, {"qk_norm": True}, {"output_tokens": True}],
)
def test_other_image_towers_are_left_as_they_are(vision: dict[str, Any]) -> None:
    model = OPEN_CLIP.CLIP(32, {**SMALL["vision_cfg"], **vision}, SMALL["text_cfg"])
    assert ClassTokenTower.of(OPEN_CLIP, model) is None


def test_there_is_an_engine_beside_the_reference() -> None:
    assert "torch-float32" in NAMES
    assert "openvino-float32" in NAMES


def test_the_fastest_that_is_exact_enough_is_chosen(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    speeds = {"openvino-bfloat16": (9.0, 0.9), "openvino-float32": (5.0, 1.0)}

    def measure(self: Any, name: str, build: Any) -> Measured:
        speed, cosine = speeds.get(name, (1.0, 1.0))
        return Measured(name, speed, 1.0, cosine)

    monkeypatch.setattr(choice.Trial, "measure", measure)
    monkeypatch.setattr(choice, "usable", lambda device: [*speeds, "torch-float32"])
    engine, measured = choose("auto", load_model(model).towers, "cpu")
    assert engine.name == "openvino-float32"
    assert [one.exact_enough for one in measured] == [False, True, True]


def test_what_slows_one_trial_does_not_decide(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The faster engine is tried while another program runs: a second look is taken in turns."""
    first = {"openvino-float32": 3.0, "torch-float32": 5.0}
    later = {"openvino-float32": 9.0, "torch-float32": 5.5}

    def measure(self: Any, name: str, build: Any) -> Measured:
        return Measured(name, first[name], 1.0, 1.0)

    def in_turns(self: Any, engines: Any) -> dict[str, float]:
        return {engine.name: later[engine.name] for engine in engines}

    monkeypatch.setattr(choice.Trial, "measure", measure)
    monkeypatch.setattr(choice.Trial, "in_turns", in_turns)
    monkeypatch.setattr(choice, "usable", lambda device: list(first))
    engine, measured = choose("auto", load_model(model).towers, "cpu")
    assert engine.name == "openvino-float32"
    assert [one.images_per_second for one in measured] == [9.0, 5.5]


def test_engines_that_are_tried_in_turns_are_timed_without_what_prepares_them(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    towers = load_model(model).towers
    engine = TorchEngine("torch-float32", towers)
    trial = choice.Trial.of(towers, engine)
    spent = iter([60.0, 4.0, 2.0, 8.0])
    monkeypatch.setattr(choice, "_seconds", lambda run: next(spent))
    assert trial.in_turns([engine]) == {"torch-float32": len(trial.pixels) / 2.0}


def test_a_trial_tells_speed_and_nearness(model: str) -> None:
    _, measured = choose("auto", load_model(model).towers, "cpu")
    assert {one.engine for one in measured} == set(NAMES)
    for one in measured:
        assert one.images_per_second > 0
        assert one.text_ms > 0
        assert one.exact_enough


def test_an_engine_that_fails_is_never_chosen(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(choice, "converted", fail)
    engine, measured = choose("auto", load_model(model).towers, "cpu")
    assert engine.name.startswith("torch")
    assert [one.exact_enough for one in measured if "openvino" in one.engine] == [False] * (
        len([name for name in NAMES if "openvino" in name])
    )


def test_names_that_cannot_be_had_are_explained(model: str, cache: Path) -> None:
    with pytest.raises(InputError, match="engine warp: unknown; choose auto or one of torch-"):
        load_encoder(model, engine="warp", cache=cache)
    with pytest.raises(ModelError, match="torch-float16: cannot be had here; there are"):
        load_encoder(model, engine="torch-float16", cache=cache, device="cpu")


LOAD = """
import sys; from pathlib import Path
from mmembed import files
from mmembed.models.open_clip import load_encoder
encoder = load_encoder(sys.argv[1], engine=sys.argv[2], cache=Path(sys.argv[3]))
print(encoder.facts.engine, encoder.facts.fingerprint, "torch" in sys.modules)
"""


def load_in_a_process(model: str, engine: str, cache: Path) -> list[str]:
    command = [sys.executable, "-c", LOAD, model, engine, str(cache)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_what_was_compiled_opens_without_torch(model: str, cache: Path) -> None:
    first = load_encoder(model, engine="openvino-float32", cache=cache)
    engine, fingerprint, with_torch = load_in_a_process(model, "openvino-float32", cache)
    assert (engine, fingerprint, with_torch) == (
        "openvino-float32",
        first.facts.fingerprint,
        "False",
    )
    again = load_encoder(model, engine="openvino-float32", cache=cache)
    reference = load_encoder(model, engine="torch-float32", cache=cache)
    assert cosines(vectors(again), vectors(reference)).min() >= 0.999999
    np.testing.assert_array_equal(vectors(again), vectors(first))
    assert again.count_windows("word " * 30) == first.count_windows("word " * 30) == 2


def test_auto_is_measured_once(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = load_encoder(model, cache=tmp_path).facts.engine
    prepared = EngineRecord.find(tmp_path, model)
    assert prepared is not None
    assert prepared.fastest == chosen
    monkeypatch.setattr(choice.Trial, "measure", None)
    assert load_encoder(model, cache=tmp_path).facts.engine == chosen


def test_two_environments_leave_each_other_what_they_prepared(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_encoder(model, engine="openvino-float32", cache=tmp_path)
    here = EngineRecord.find(tmp_path, model)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("sys.prefix", str(tmp_path / "environment"))
        elsewhere.setattr(engine_record, "_machine", lambda: ["another torch"])
        assert EngineRecord.find(tmp_path, model) is None
        load_encoder(model, engine="openvino-float32", cache=tmp_path)
        assert EngineRecord.find(tmp_path, model) is not None
    assert here is not None
    assert EngineRecord.find(tmp_path, model) == here


def prepare(model: str, tmp_path: Path) -> tuple[str, Path]:
    """A copy of the model, prepared in a cache of its own; its id and its folder there."""
    copy = tmp_path / "copy"
    shutil.copytree(model.removeprefix("local-dir:"), copy)
    name = f"local-dir:{copy}"
    load_encoder(name, engine="openvino-float32", cache=tmp_path)
    prepared = EngineRecord.find(tmp_path, name)
    assert prepared is not None
    return name, prepared.folder


def test_other_weights_are_noticed(model: str, tmp_path: Path) -> None:
    name, _ = prepare(model, tmp_path)
    before = load_encoder(name, engine="openvino-float32", cache=tmp_path)
    save_random(Path(name.removeprefix("local-dir:")), SMALL, OPENAI, seed=1)
    assert EngineRecord.find(tmp_path, name) is None
    load_encoder(name, engine="torch-float32", cache=tmp_path)
    after = load_encoder(name, engine="openvino-float32", cache=tmp_path)
    assert after.facts.fingerprint != before.facts.fingerprint
    assert cosines(vectors(after), vectors(before)).max() < 0.99


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("prepared.json", b"{}"),
        ("prepared.json", b"nonsense"),
        ("images-float32.blob", None),
        ("images-float32.blob", b"nonsense" * 100),
        ("bpe.json", b""),
    ],
)
def test_a_broken_cache_is_made_again(
    model: str, kept: Path, tmp_path: Path, file: str, content: bytes | None
) -> None:
    if content is None:
        (kept / file).unlink()
    else:
        (kept / file).write_bytes(content)
    encoder = load_encoder(model, engine="openvino-float32", cache=tmp_path)
    assert encoder.facts.engine == "openvino-float32"
    record = EngineRecord.find(tmp_path, model)
    assert record is not None
    assert record.encoder("openvino-float32") is not None, "it was not mended for the next start"


def test_a_truncated_compiled_tower_is_made_again(model: str, kept: Path, tmp_path: Path) -> None:
    reference = vectors(load_encoder(model, engine="openvino-float32", cache=tmp_path))
    path = kept / "images-float32.blob"
    path.write_bytes(path.read_bytes()[:-1000])
    encoder = load_encoder(model, engine="openvino-float32", cache=tmp_path)
    np.testing.assert_array_equal(vectors(encoder), reference)


FILES = ("prepared.json", "bpe.json", "images-float32.blob", "texts-float32.blob")


def with_noise(whole: bytes, place: int) -> bytes:
    return (
        whole[:place]
        + bytes(byte ^ 0x55 for byte in whole[place : place + 64])
        + whole[place + 64 :]
    )


def test_noise_in_a_cache_changes_no_vector(model: str, kept: Path, tmp_path: Path) -> None:
    """Wherever it is: in the numbers, which nothing else would notice, or in what holds them."""
    right = load_encoder(model, engine="openvino-float32", cache=tmp_path)
    for file in FILES:
        whole = (kept / file).read_bytes()
        for place in (0, *random.Random(0).sample(range(len(whole)), 12), len(whole) - 1):
            (kept / file).write_bytes(with_noise(whole, place))
            found = EngineRecord.find(tmp_path, model)
            assert found is None or found.encoder("openvino-float32") is None, (file, place)
        (kept / file).write_bytes(whole)
    found = EngineRecord.find(tmp_path, model)
    assert found is not None
    assert found.encoder("openvino-float32") is not None
    for file in ("prepared.json", "images-float32.blob"):
        (kept / file).write_bytes(with_noise((kept / file).read_bytes(), 1000))
        encoder = load_encoder(model, engine="openvino-float32", cache=tmp_path)
        assert (encoder.facts.engine, encoder.facts.fingerprint) == (
            right.facts.engine,
            right.facts.fingerprint,
        )
        np.testing.assert_array_equal(vectors(encoder), vectors(right))
        found = EngineRecord.find(tmp_path, model)
        assert found is not None
        assert found.encoder("openvino-float32") is not None, "it was not mended for the next start"


def test_one_tower_in_the_place_of_another_is_not_opened(
    model: str, kept: Path, tmp_path: Path
) -> None:
    expected = vectors(load_encoder(model, engine="openvino-float32", cache=tmp_path))
    other = tmp_path / "other"
    save_random(other, SMALL, OPENAI, seed=1)
    load_encoder(f"local-dir:{other}", engine="openvino-float32", cache=tmp_path)
    strange = EngineRecord.find(tmp_path, f"local-dir:{other}")
    assert strange is not None
    for file in ("images-float32.blob", "texts-float32.blob", "bpe.json"):
        shutil.copy(strange.folder / file, kept / file)
    encoder = load_encoder(model, engine="openvino-float32", cache=tmp_path)
    np.testing.assert_array_equal(vectors(encoder), expected)


def test_a_prepared_model_that_fails_is_prepared_again(
    model: str, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = OpenVinoEngine.encode_texts, []

    def fails_once(engine: OpenVinoEngine, tokens: Any) -> Any:
        calls.append(tokens)
        if len(calls) == 1:
            raise RuntimeError("not on this processor")
        return real(engine, tokens)

    monkeypatch.setattr(OpenVinoEngine, "encode_texts", fails_once)
    assert (
        load_encoder(model, engine="openvino-float32", cache=tmp_path).facts.engine
        == "openvino-float32"
    )
    assert len(calls) >= 2


def test_a_cache_that_cannot_be_written_only_costs_time(model: str, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where a folder should be")
    assert load_encoder(model, engine="openvino-float32", cache=tmp_path).facts.dim == 32


def test_what_was_compiled_of_other_weights_is_thrown_away(model: str, tmp_path: Path) -> None:
    name, folder = prepare(model, tmp_path)
    known = EngineRecord.find(tmp_path, name)
    assert known is not None
    for path in folder.glob("*-float32.blob"):  # stand for towers that were quantised
        content = files.read_sealed(path, about=f"{_about(known.facts)} {path.name}")
        other = path.with_name(path.name.replace("float32", "int8"))
        files.write_sealed(other, content, about=f"{_about(known.facts)} {other.name}")
    assert (
        load_encoder(name, engine="openvino-int8", cache=tmp_path).facts.engine == "openvino-int8"
    )
    save_random(Path(name.removeprefix("local-dir:")), SMALL, OPENAI, seed=1)
    load_encoder(name, engine="openvino-float32", cache=tmp_path)
    with pytest.raises(ModelError, match="make it first: mmembed models --quantize"):
        load_encoder(name, engine="openvino-int8", cache=tmp_path)

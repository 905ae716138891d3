"""Models are found by name, told apart by fingerprint, and what goes wrong is explained."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants

from mmembed.errors import ModelError
from mmembed.models.open_clip import (
    RECOMMENDED,
    OpenClipEncoder,
    hub,
    list_models,
    load_encoder,
    resolve_model,
)
from tests.random_models import OPEN_CLIP, OPENAI, SMALL, save_random

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]

load = partial(load_encoder, engine="torch-float32")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For models; emptied at the end, because some are large."""
    folder = tmp_path_factory.mktemp("models")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def small(folder: Path) -> OpenClipEncoder:
    return load(save_random(folder / "small", SMALL, OPENAI))


def test_fingerprint_is_the_same_for_the_same_files(small: OpenClipEncoder, folder: Path) -> None:
    copy = folder / "copy"
    shutil.copytree(folder / "small", copy, dirs_exist_ok=True)
    assert load(f"local-dir:{copy}").facts.fingerprint == small.facts.fingerprint
    assert len(small.facts.fingerprint) == 64
    load_it = "e.load_encoder(sys.argv[1], engine='torch-float32')"
    code = f"import sys, mmembed.models.open_clip as e; print({load_it}.facts.fingerprint)"
    command = [sys.executable, "-c", code, small.facts.name]
    other = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == small.facts.fingerprint


@pytest.mark.parametrize("change", ["weights", "pixels", "tokenizer", "activation", "length"])
def test_fingerprint_notices(small: OpenClipEncoder, folder: Path, change: str) -> None:
    config, pixels, seed = json.loads(json.dumps(SMALL)), dict(OPENAI), 0
    if change == "weights":
        seed = 1
    elif change == "pixels":
        pixels["interpolation"] = "bilinear"
    elif change == "tokenizer":
        config["text_cfg"]["tokenizer_kwargs"] = {"clean": "whitespace"}
    elif change == "activation":
        config["quick_gelu"] = True
    else:
        config["text_cfg"]["context_length"] = 24
    changed = load(save_random(folder / change, config, pixels, seed))
    assert changed.facts.fingerprint != small.facts.fingerprint


def test_vocabulary_is_found_beside_its_config(folder: Path) -> None:
    config = json.loads(json.dumps(SMALL))
    config["text_cfg"]["tokenizer_kwargs"] = {"bpe_path": "own.txt.gz"}
    name = save_random(folder / "vocabulary", config, OPENAI)
    with pytest.raises(ModelError, match=r"tokenizer cannot be loaded.*own\.txt\.gz"):
        load(name)
    own = Path(OPEN_CLIP.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    shutil.copy(own, folder / "vocabulary" / "own.txt.gz")
    assert load(name).embed_texts(["a dog"]).shape == (1, 32)


def test_siglip_without_transformers_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if shutil.which("transformers-cli") or "transformers" in sys.modules:
        pytest.skip("transformers is installed")
    monkeypatch.setattr(hub, "ask_for", lambda name: (True, None))
    with pytest.raises(ModelError, match=r"pip install 'mmembed\[hf\]'"):
        load("ViT-B-16-SigLIP/webli")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-B-32/laion2b_s34b", r"did you mean.*ViT-B-32/laion2b_s34b_b79k.*mmembed models"),
        ("vit-b-32/OpenAI2", r"did you mean ViT-B-32/openai"),
        ("ViT-B-32", r"did you mean ViT-B-32/openai, "),
        ("quite unknown", r"^quite unknown: unknown model; `mmembed models` lists all"),
        ("laion/whatever", r"hf-hub:laion/whatever"),
        ("hf-hub:laion", r"write hf-hub:organisation/name"),
        ("hf-hub:laion/whatever", r"is not downloaded.*HF_HUB_OFFLINE.*bundled.*local-dir:"),
        ("ViT-B-32/openai", r"is not downloaded.*HF_HUB_OFFLINE.*bundled.*local-dir:"),
        ("local-dir:/nowhere", r"there is no such folder"),
        (str(ROOT), r"a folder is written local-dir:"),
        (f"local-dir:{ROOT}", r"has no open_clip_config\.json"),
        ("", r"unknown model"),
    ],
)
def test_names_that_lead_nowhere_are_explained(
    name: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=message) as caught:
        load(name)
    assert str(caught.value).startswith(name)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("open_clip_model.safetensors", b"not tensors", "broken or do not fit"),
        ("open_clip_model.safetensors", None, "has no weights"),
        ("open_clip_config.json", b"{", "is not a model_cfg"),
        ("open_clip_config.json", b'{"model_cfg": 3}', "is not a model_cfg"),
        ("open_clip_config.json", b'{"model_cfg": {"embed_dim": 7}}', "broken or do not fit"),
    ],
)
def test_broken_files_are_explained(
    small: OpenClipEncoder,
    folder: Path,
    tmp_path: Path,
    file: str,
    content: bytes | None,
    message: str,
) -> None:
    shutil.copytree(folder / "small", tmp_path / "broken")
    path = tmp_path / "broken" / file
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        load(f"local-dir:{tmp_path / 'broken'}")


def test_pickles_are_never_opened(small: OpenClipEncoder, folder: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    shutil.copytree(folder / "small", tmp_path / "trap")
    (tmp_path / "trap" / "open_clip_model.safetensors").unlink()
    torch.save({"state_dict": Trap()}, tmp_path / "trap" / "open_clip_pytorch_model.bin")
    with pytest.raises(ModelError, match="broken or do not fit"):
        load(f"local-dir:{tmp_path / 'trap'}")
    assert not (tmp_path / "sprung").exists()


class TestAuto:
    @pytest.fixture(autouse=True)
    def _empty_cache(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    def test_offline_means_bundled_and_says_so(self) -> None:
        choice = resolve_model("auto")
        assert choice.name == "bundled"
        assert "HF_HUB_OFFLINE is set" in choice.reason
        assert RECOMMENDED in choice.reason

    def test_silent_hub_means_bundled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr(hub, "PATIENCE_S", 0.1)
        monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", lambda *_, **__: time.sleep(1))
        choice = resolve_model("auto")
        assert choice.name == "bundled"
        assert "did not answer within 0.1 s" in choice.reason

    def test_answering_hub_means_recommended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", lambda *_, **__: None)
        assert resolve_model("auto").name == RECOMMENDED

    def test_downloaded_means_recommended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: "/some/file")
        choice = resolve_model("auto")
        assert choice.name == RECOMMENDED
        assert "already downloaded" in choice.reason

    def test_other_names_stand_for_themselves(self) -> None:
        assert resolve_model("ViT-B-32/openai").name == "ViT-B-32/openai"


def test_models_are_listed() -> None:
    models = list_models()
    assert tuple(RECOMMENDED.split("/")) in models
    assert len(models) > 100


def test_naming_a_model_does_not_import_torch() -> None:
    code = "import sys, mmembed.models.open_clip; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_hub_is_not_asked_for_what_is_downloaded(
    small: OpenClipEncoder, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nor whether there is something newer: that would be a look-up at every start."""
    hub = tmp_path / "models--org--small"
    shutil.copytree(folder / "small", hub / "snapshots" / "0123")
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("0123")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    asked: list[object] = []

    def resolve(host: object, *more: object) -> Any:
        asked.append(host)
        raise socket.gaierror("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert load("hf-hub:org/small").facts.fingerprint == small.facts.fingerprint
    assert asked == []


def test_the_hub_is_asked_for_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    offline: list[bool] = []

    def download(**_: object) -> Any:
        offline.append(constants.HF_HUB_OFFLINE)
        raise FileNotFoundError("not there")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", lambda *_, **__: None)
    monkeypatch.setattr("open_clip.pretrained.hf_hub_download", download)
    with pytest.raises(ModelError, match="cannot be fetched"):
        load("hf-hub:org/other")
    assert offline
    assert not any(offline)
    assert not constants.HF_HUB_OFFLINE

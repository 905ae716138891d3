"""Models that are prepared in a process of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmembed.engines import AUTO, OPENVINO
from mmembed.models.open_clip import prepare_apart
from mmembed.models.open_clip.engine_record import EngineRecord
from tests.random_models import OPENAI, SMALL, save_random
from tests.serving import PATIENCE_S, ROOT, environment

pytestmark = pytest.mark.slow

SERVED = """
import sys
from pathlib import Path
from mmembed.models.open_clip import load_encoder, prepare_apart
name, cache = sys.argv[1], Path(sys.argv[2])
prepare_apart(name, "auto", cache, lambda: False)
print(load_encoder(name, cache=cache).facts.engine, "torch" in sys.modules)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_random(tmp_path_factory.mktemp("apart"), SMALL, OPENAI)


def test_what_is_prepared_apart_is_opened_without_torch(model: str, tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", SERVED, model, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=ROOT, env=environment(),
        timeout=3 * PATIENCE_S,
    )  # fmt: skip
    engine, holds_torch = finished.stdout.split()
    assert engine.startswith(OPENVINO) == (holds_torch == "False")
    assert EngineRecord.find(tmp_path, model) is not None


def test_a_process_that_is_no_longer_wanted_is_ended(model: str, tmp_path: Path) -> None:
    started = time.monotonic()
    prepare_apart(model, AUTO, tmp_path, lambda: True)
    assert time.monotonic() - started < PATIENCE_S
    assert EngineRecord.find(tmp_path, model) is None


def test_no_module_is_taken_from_the_current_folder(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "pathlib.py").write_text("open('imported', 'w').close()\n")
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [part for part in sys.path if part not in ("", ".")])
    prepare_apart(model, "openvino-float32", tmp_path, lambda: (here / "imported").exists())
    assert not (here / "imported").exists()
    assert EngineRecord.find(tmp_path, model) is not None


@pytest.mark.parametrize("name", ["local-dir:/nowhere", "ViT-B-32/openai", "hf-hub:a/b"])
def test_nothing_is_started_for_what_is_not_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    started: list[object] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *given, **more: started.append(given))
    prepare_apart(name, AUTO, tmp_path, lambda: False)
    assert not started

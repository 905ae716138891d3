"""Commands with a real model, though a tiny one, in processes of their own."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest

from tests.cli.processes import HOSTILE, real
from tests.random_models import OPENAI, SMALL, save_random
from tests.serving import complaints, picture

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a tiny model with random weights."""
    return save_random(tmp_path_factory.mktemp("model"), SMALL, OPENAI)


@pytest.fixture(scope="module")
def real_data(photos: Path, model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of the photos, made with the tiny model."""
    data = tmp_path_factory.mktemp("real")
    finished = real("index", photos, "--data", data, "--model", model)
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    assert "5 pictures in" in finished.stdout
    assert "5 embedded" in finished.stdout
    assert str(data) in finished.stdout
    return data


def test_indexing_again_has_nothing_to_do(real_data: Path, photos: Path) -> None:
    finished = real("index", photos, "--data", real_data)
    assert finished.returncode == 0
    assert "5 unchanged" in finished.stdout
    assert "embedded" not in finished.stdout


def test_search_prints_a_table(real_data: Path) -> None:
    finished = real("search", "a red field", "-k", "5", "--data", real_data)
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    lines = finished.stdout.splitlines()
    assert lines[0].split() == ["score", "relevance", "id", "picture", "caption"]
    assert len(lines) == 6
    assert any(r"esc\x1b[31m\nline\u202e.png" in line for line in lines)
    assert any("café 日本 🦊.jpg" in line for line in lines)
    assert any(line.endswith("a green field") for line in lines)
    assert "\x1b" not in finished.stdout


def test_classify_prints_a_table_and_names_failures(real_data: Path, tmp_path: Path) -> None:
    good = tmp_path / HOSTILE
    good.write_bytes(picture("red"))
    bad = tmp_path / "bad\n.jpg"
    bad.write_bytes(b"no picture")
    labels = tmp_path / "labels.txt"
    labels.write_text("\ufeffred\n\nblue\nlight green\n")
    finished = real(
        "classify", good, bad, "--labels", f"@{labels}", "--top", "2", "--data", real_data
    )
    assert finished.returncode == 1
    lines = finished.stdout.splitlines()
    assert lines[0].split() == ["picture", "%", "label"]
    assert len(lines) == 3
    assert lines[1].startswith(str(tmp_path))
    assert "%" in lines[1]
    [failure] = finished.stderr.splitlines()
    assert failure.startswith(f"failed: {tmp_path}/bad\\n.jpg: ")


def test_embed_prints_lines_of_json(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "été.png").write_bytes(picture("red"))
    finished = real(
        "embed", tmp_path / "été.png", tmp_path / "no.png", "--text", "naïve", "--data", real_data,
        PYTHONIOENCODING="ascii", PYTHONUTF8="0",
    )  # fmt: skip
    assert finished.returncode == 1
    assert "no.png: cannot be read" in finished.stderr
    image, text = map(json.loads, finished.stdout.splitlines())
    assert image["image"] == str(tmp_path / "été.png")
    assert text["text"] == "naïve"
    for row in (image, text):
        assert np.linalg.norm(row["embedding"]) == pytest.approx(1, abs=1e-5)


# -- models that are not there ---------------------------------------------------------


@pytest.mark.parametrize("listens", [False, True], ids=["nobody listens", "nobody answers"])
def test_a_model_that_cannot_be_fetched_is_one_sentence(
    photos: Path, tmp_path: Path, listens: bool
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        hub = f"http://127.0.0.1:{silent.getsockname()[1]}"
        finished = real(
            "index", photos, "--data", tmp_path / "data", "--model", "ViT-B-32/laion2b_s34b_b79k",
            HF_HUB_OFFLINE="0", HF_ENDPOINT=hub, HF_HOME=str(tmp_path / "hub"),
        )  # fmt: skip
    assert (finished.returncode, finished.stdout) == (1, "")
    [line] = finished.stderr.splitlines()
    assert line.startswith(
        "mmembed: ViT-B-32/laion2b_s34b_b79k: is not downloaded, and the model hub"
    )
    assert line.endswith("use --model local-dir:FOLDER")
    assert not (tmp_path / "data").exists()


def test_an_unknown_model_leaves_no_folder(photos: Path, tmp_path: Path) -> None:
    finished = real("index", photos, "--data", tmp_path / "data", "--model", "ViT-B-32/laion")
    assert finished.returncode == 1
    assert "unknown model" in finished.stderr
    assert not (tmp_path / "data").exists()

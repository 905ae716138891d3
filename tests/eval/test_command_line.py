"""`mmembed eval`, in processes of its own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.processes import real
from tests.conftest import Index, MakePicture
from tests.eval.encoders import fake
from tests.pictures import GALLERY
from tests.serving import complaints

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_command_line_of_zero_shot(classes: Path, tmp_path: Path) -> None:
    (classes / "red" / "broken.png").write_bytes(b"no picture")
    data = ("--data", tmp_path / "data", "--model", "fake")
    finished = fake("zero-shot", classes, "--json", tmp_path / "out.json", *data)
    assert finished.returncode == 1, "one was skipped"
    assert "fake; images: 0 from cache, 6 embedded" in finished.stdout
    assert "over 6 images of 3 classes, 3 labels; 1 skipped" in finished.stdout
    assert "accuracy top 1" in finished.stdout
    assert "100.0% to 100.0%" in finished.stdout
    assert finished.stderr.startswith(f"skipped: {classes / 'red' / 'broken.png'}: ")
    answer = json.loads((tmp_path / "out.json").read_text())
    assert answer["figures"]["accuracy_top_1"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert answer["skipped"][0]["name"] == str(classes / "red" / "broken.png")
    assert answer["templates"]["name"] == "usual"
    assert (answer["model"], answer["images"]) == ("fake", 6)


def test_command_line_of_compare(captions: Path, tmp_path: Path) -> None:
    data = ("--data", tmp_path / "data")
    finished = fake("retrieval", captions, "--compare", "a", "b", "--json", *data)
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    answer = json.loads(finished.stdout)
    assert [one["model"] for one in answer["models"]] == ["a", "b"]
    assert answer["differences"]["text_to_image_recall_at_1"] == {
        "value": 0.0, "low": 0.0, "high": 0.0, "excludes_zero": False,
    }  # fmt: skip
    finished = fake("retrieval", captions, "--compare", "a", "b", "--model", "c", *data)
    assert finished.returncode == 2
    assert "--compare names both models" in finished.stderr


def test_command_line_of_engines(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for path in sorted(GALLERY.iterdir())[:20]:
        shutil.copy(path, pictures)
    asked = ("--model", "bundled", "--data", tmp_path / "d")
    two = ("--engines", "torch-float32", "torch-onednn")
    finished = real("eval", "retrieval", pictures, *two, *asked)
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    first, second, over, cosine, *_ = finished.stdout.splitlines()
    assert first.startswith("A: bundled, torch-float32; images: 0 from cache, 10 embedded")
    assert second.startswith("B: bundled, torch-onednn; images: 0 from cache, 10 embedded")
    assert over == "over 10 images with 10 captions"
    said = re.match(
        r"cosine between A's and B's vectors of an image: (\S+) on average, (\S+)", cosine
    )
    assert said is not None
    assert float(said[1]) >= float(said[2]) > 0.9999
    for option, complaint in (
        ("--engine", "--engine torch-float32: --engines names both engines; leave --engine out"),
        ("--engines", "engine nothing: unknown"),
    ):
        names = ("torch-float32", "nothing")[: 1 if option == "--engine" else 2]
        refused = real("eval", "retrieval", pictures, *two, option, *names, *asked)
        assert refused.returncode == 2
        assert complaint in refused.stderr


def test_command_line_of_index(index: Index, picture: MakePicture, tmp_path: Path) -> None:
    for seed in range(1, 13):
        picture(f"{seed}.png", seed=seed)
    index()
    finished = fake("--data", tmp_path / "data", "index", "-k", "3")
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    assert "searched exactly up to 150000 vectors, then by HNSW" in finished.stdout
    assert "12 image vectors" in finished.stdout


def test_the_bundled_model_knows_the_gallery(tmp_path: Path) -> None:
    for path in sorted(GALLERY.iterdir())[:40]:
        shutil.copy(path, tmp_path)
    finished = real(
        "eval", "retrieval", tmp_path, "--model", "bundled", "--data", tmp_path / "d", "--json"
    )
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    answer = json.loads(finished.stdout)
    assert answer["model"] == "bundled"
    assert answer["images"] == 20
    assert answer["figures"]["text_to_image_recall_at_1"]["value"] > 0.8

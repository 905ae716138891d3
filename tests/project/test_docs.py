"""What can be used is documented."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from prometheus_client import generate_latest

from mmembed.cli import COMMANDS
from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings, describe
from mmembed.server.app import create_app
from tests.conftest import Index, MakePicture
from tests.fake_encoder import FakeEncoder

ROOT = Path(__file__).parents[2]


def test_every_route_is_documented(tmp_path: Path) -> None:
    documented = (ROOT / "docs/http.md").read_text()
    settings = Settings.from_env({}, data=tmp_path, model="fake")
    with Collection(settings, load=lambda name: FakeEncoder()) as collection:
        paths = create_app(collection).openapi()["paths"]
    assert paths
    for path in paths:
        assert path in documented, f"{path} is not in docs/http.md"


def test_every_metric_is_documented(tmp_path: Path) -> None:
    documented = (ROOT / "docs/operations.md").read_text()
    settings = Settings.from_env({}, data=tmp_path, model="fake")
    with Collection(settings, load=lambda name: FakeEncoder()) as collection:
        written = generate_latest(create_app(collection).state.registry).decode()
    found = re.findall(r"^# TYPE (mmembed_\w+)", written, re.MULTILINE)
    assert len(found) > 5
    for name in found:
        assert f"`{name.removesuffix('_created')}" in documented, f"{name} is not documented"


@pytest.mark.parametrize(("variable", "default", "meaning"), describe())
def test_every_setting_is_documented(variable: str, default: str, meaning: str) -> None:
    rows = (ROOT / "docs/settings.md").read_text().splitlines()
    shown = f"`{default}`" if default else ""
    assert f"| `{variable}` | {shown} | {meaning} |" in rows


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for command in COMMANDS:
        assert f"mmembed {command}" in readme


def test_vectors_are_exported_as_the_document_says(
    index: Index, picture: MakePicture, tmp_path: Path
) -> None:
    picture("red.png", "red")
    picture("blue.png", "blue")
    index()
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/scale.md").read_text(), re.DOTALL)
    command = [sys.executable, "-c", program, str(tmp_path / "data")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    items = [json.loads(line) for line in printed.splitlines()]
    assert sorted(Path(one["path"]).name for one in items) == ["blue.png", "red.png"]
    encoder = FakeEncoder()
    for one in items:
        with Image.open(one["path"]) as image:
            [expected] = encoder.embed_preprocessed(encoder.preprocess(image)[None])
        assert np.allclose(one["vector"], expected, atol=1e-3)


def test_links_of_the_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_project_speaks_of_itself_alone() -> None:
    """No path of the machine it was made on."""
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "Makefile"]:
        assert not re.search(r"/(home|root|work)/", document.read_text()), document


def test_examples_in_python_heed_the_environment() -> None:
    """`Settings()` would make a collection in the home folder, whatever MMEMBED_DATA says."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for example in re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.S | re.M):
            assert "Settings()" not in example, path.name

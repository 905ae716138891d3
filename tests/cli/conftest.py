"""Pictures and collections of them, made once for the tests of a module."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmembed.cli import main
from mmembed.collection.collection import Collection
from tests.cli.processes import COLOURS, HOSTILE, fake
from tests.cli.services import Ask
from tests.fake_encoder import FakeEncoder
from tests.serving import open_collection, picture, write_pictures


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three colours with captions, and pictures with odd names."""
    folder = tmp_path_factory.mktemp("photos")
    for colour in COLOURS:
        (folder / f"{colour}.txt").write_text(f"a {colour} field\n")
    write_pictures(folder, COLOURS)
    (folder / HOSTILE).write_bytes(picture("purple"))
    (folder / "café 日本 🦊.jpg").write_bytes(picture("pink", kind="JPEG"))
    return folder


@pytest.fixture(scope="module")
def data(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of the photos, made with the fake encoder."""
    data = tmp_path_factory.mktemp("fake")
    assert fake("index", photos, "--data", data, "--model", "fake").returncode == 0
    return data


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs a command here, over the fake encoder: exit code, standard output and error."""
    monkeypatch.setattr(Collection.__init__, "__defaults__", (lambda name: FakeEncoder(), None))
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run_here(*arguments: str, **variables: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            return (main(arguments), *capsys.readouterr())

    return run_here


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    open_collection(tmp_path).close()
    return tmp_path

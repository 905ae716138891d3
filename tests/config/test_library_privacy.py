"""Nothing is looked up, and nothing is written outside the data and the cache folder.

In processes of their own, with a home folder that is empty: the reporting of some libraries turns
itself off where it sees pytest or a CI service, so that a test in this process would see none.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.pictures import GALLERY
from tests.serving import PATIENCE_S, PYTHONPATH

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-m", "mmembed")
TALKATIVE = {
    "HF_HUB_DISABLE_TELEMETRY": "0",
    "RAY_USAGE_STATS_ENABLED": "1",
    "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.invalid",
}
"""What others may have set."""
API = """
from mmembed import Collection, Settings, Term, load_encoder
settings = Settings.from_env()
assert load_encoder("bundled", engine=settings.engine, cache=settings.cache).facts.dim > 1
with Collection(settings) as collection:
    print(collection.search([Term(text="a camel")]).hits[0].item.caption)
"""
CONVERT = """
import os
{early}
import mmembed
import huggingface_hub.constants, openvino, torch
assert huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY
assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
openvino.convert_model(torch.nn.Linear(2, 2), example_input=torch.zeros(1, 2))
{late}
"""
"""What reports by default, three times: when it is imported, when it converts, when it ends."""


@dataclass
class Sandbox:
    """A machine that mmembed was never run on."""

    home: Path
    temporary: Path
    work: Path
    folders: Path
    """Of data and cache, where files may be written."""
    log: Path

    @classmethod
    def within(cls, base: Path) -> Sandbox:
        for name in ("home", "temporary", "work", "folders"):
            (base / name).mkdir()
        return cls(
            home=base / "home",
            temporary=base / "temporary",
            work=base / "work",
            folders=base / "folders",
            log=base / "network.txt",
        )

    @property
    def variables(self) -> dict[str, str]:
        return {
            **TALKATIVE,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": PYTHONPATH,
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "MMEMBED_CACHE": str(self.folders / "cache"),
            "MMEMBED_DATA": str(self.folders / "data"),
            "MMEMBED_MODEL": "bundled",
            "MMEMBED_ENGINE": "openvino-float32",
            "NETWORK_AUDIT_FILE": str(self.log),
        }

    def run(self, *command: str) -> str:
        """What it prints; it must not fail."""
        finished = subprocess.run(
            command,
            cwd=self.work,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=5 * PATIENCE_S,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def check(self) -> None:
        """Nothing was looked up, and nothing lies about."""
        assert not self.log.exists(), self.log.read_text()
        for folder in (self.home, self.temporary, self.work):
            assert list(folder.rglob("*")) == []


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = Sandbox.within(tmp_path)
    yield made
    made.check()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures of the gallery, and their captions."""
    folder = tmp_path_factory.mktemp("photos")
    for path in sorted(GALLERY.glob("*camel*"))[:6]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_no_command_speaks_of_us(sandbox: Sandbox, photos: Path) -> None:
    """With an empty cache, so that OpenVINO converts the model, and then with what it kept."""
    sandbox.run(*COMMAND, "index", str(photos))
    assert list((sandbox.folders / "cache").rglob("*.blob"))
    assert "camel" in sandbox.run(*COMMAND, "search", "a camel")
    sandbox.run(*COMMAND, "eval", "retrieval", str(photos))
    sandbox.run(*COMMAND, "models", "b-32")
    assert "camel" in sandbox.run(sys.executable, "-c", API)
    _serve(sandbox)
    sandbox.check()


def _serve(sandbox: Sandbox) -> None:
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"],
        cwd=sandbox.work,
        env=sandbox.variables,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            assert child.stdout is not None
            found = re.search(r"http://[\d.]+:\d+", child.stdout.readline())
            assert found is not None
            for path in ("/health", "/v1/search?q=camel", "/", "/metrics"):
                answer = httpx.get(found[0] + path, timeout=PATIENCE_S)
                assert answer.status_code == 200, path
        finally:
            child.terminate()


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ("", "import nncf; nncf.quantize"),
        ("try: import openvino_telemetry\nexcept ImportError: pass", ""),
        ("import huggingface_hub.constants", ""),
    ],
    ids=["nncf", "its reporter was imported before", "the hub was imported before"],
)
def test_nor_does_the_library(sandbox: Sandbox, early: str, late: str) -> None:
    sandbox.run(sys.executable, "-W", "ignore", "-c", CONVERT.format(early=early, late=late))
    for left in sandbox.temporary.glob("torchinductor_*"):  # it was told of no cache folder
        left.rmdir()


def test_a_cache_that_cannot_be_written_is_no_obstacle(sandbox: Sandbox) -> None:
    """torch makes a folder of its compiler's when it is imported, and fails where it cannot."""
    from_file = f"{sys.executable}/cache"  # below a file: nobody can, root neither
    code = (
        "import sys; from pathlib import Path; from mmembed import load_encoder; "
        "load_encoder('bundled', engine='torch-float32', cache=Path(sys.argv[1])); "
        "import torch._dynamo"
    )
    sandbox.run(sys.executable, "-c", code, from_file)
    for left in sandbox.temporary.glob("torchinductor_*"):
        left.rmdir()

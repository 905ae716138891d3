"""Real clients against a real server: what they get is what the library itself makes.

Deselected unless asked for, because each client needs an environment of its own: make test-clients.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.environments import python_of
from tests.clients.expected import ENGINE, Expected
from tests.clients.job import Job
from tests.clients.roster import CLIENTS, Client
from tests.serving import ROOT, Process, environment

pytestmark = pytest.mark.clients

TEXTS = ["a red bus", "Two dogs are running on the grass, one of them has a stick."]
PICTURES = [
    ROOT / "fixtures/gallery/five-trumpets-on-a-plain-background-252.png",
    ROOT / "fixtures/gallery/lemon-on-a-plain-background-140.jpg",
]
QUIET = {
    "ANONYMIZED_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "NO_PROXY": "127.0.0.1",
}
"""Clients that report to their makers, or ask them things, are told not to."""
LONGEST_S = 120


@dataclass(frozen=True)
class Tried:
    """A client after its calls."""

    client: Client
    version: str
    lacks: str
    calls: list[dict[str, Any]]


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """What to embed, and a server of the bundled model that does it."""
    data = tmp_path_factory.mktemp("collection")
    command = [sys.executable, "-m", "mmembed"]
    options = ["--data", str(data), "--model", "bundled"]
    with Process(command, *options, MMEMBED_ENGINE=ENGINE) as server:
        yield Job(
            address=server.address,
            model="bundled",
            texts=TEXTS,
            pictures=[str(path) for path in PICTURES],
            broken=str(ROOT / "fixtures/odd/truncated.jpg"),
            unknown="no-such-model",
        )
        assert server.end()[0] == 0


@pytest.fixture(scope="session")
def expected() -> Expected:
    return Expected(TEXTS, PICTURES)


@pytest.fixture(scope="module", params=CLIENTS, ids=lambda client: client.name)
def tried(
    request: pytest.FixtureRequest, job: Job, tmp_path_factory: pytest.TempPathFactory
) -> Tried:
    """A client that made all its calls, in its own environment."""
    client: Client = request.param
    folder = tmp_path_factory.mktemp(client.name)
    asked, answered = folder / "job.json", folder / "answer.json"
    asked.write_text(json.dumps(asdict(job)))
    python = python_of(client.environment) if client.environment else sys.executable
    ended = subprocess.run(
        [python, "-m", f"tests.clients.calls.{client.calls}", asked, answered],
        cwd=ROOT,
        env=environment(**QUIET, HOME=str(folder)),
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = json.loads(answered.read_text())
    return Tried(client, **said)


Note = Callable[[str, object], None]


def note(record: Note, tried: Tried, column: str, calls: list[dict[str, Any]]) -> None:
    """For the table."""
    record("client", tried.client.name)
    record("version", tried.version)
    record("column", column)
    record("forms", [call["form"] for call in calls])


def embed(tried: Tried, expected: Expected, calls: list[dict[str, Any]]) -> None:
    for call in calls:
        assert "failed" not in call, f"{call['form']}: {call['failed']}"
        expected.check(call["kind"], call["rows"])


def test_texts(tried: Tried, expected: Expected, record_property: Note) -> None:
    calls = [call for call in tried.calls if not is_error(call) and not of_image(call)]
    note(record_property, tried, "text", calls)
    embed(tried, expected, calls or pytest.skip(tried.lacks))


def test_images(tried: Tried, expected: Expected, record_property: Note) -> None:
    calls = [call for call in tried.calls if of_image(call)]
    note(record_property, tried, "image", calls)
    embed(tried, expected, calls or pytest.skip(tried.lacks))


def test_errors(tried: Tried, record_property: Note) -> None:
    """The client raises what it raises for other servers, with what ours said in it."""
    calls = [call for call in tried.calls if is_error(call)]
    note(record_property, tried, "errors", calls)
    assert calls
    for call in calls:
        assert "failed" not in call, f"{call['form']}: {call['failed']}"
        assert re.search(call["says"], call["message"]), call["form"]


def is_error(call: dict[str, Any]) -> bool:
    return bool(call["kind"] == "error")


def of_image(call: dict[str, Any]) -> bool:
    return "image" in call["kind"] or call["kind"] == "mixed"

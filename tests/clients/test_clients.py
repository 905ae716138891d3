"""Real clients against a real server: what they get is what the library itself makes.

Deselected unless asked for, because each client needs an environment of its own: make test-clients.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
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
ALIAS = "embed-v4.0"
LONGEST_S = 120


Call = dict[str, Any]
"""What `tests/clients/job.py` says of one."""


@dataclass(frozen=True)
class Tried:
    """A client after its calls."""

    client: Client
    version: str
    lacks: str
    calls: list[Call]


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """What to embed, and a server of the bundled model that does it."""
    with server(tmp_path_factory.mktemp("collection")) as address:
        yield Job(
            address=address,
            model="bundled",
            texts=TEXTS,
            pictures=[str(path) for path in PICTURES],
            broken=str(ROOT / "fixtures/odd/truncated.jpg"),
            unknown="no-such-model",
            alias=ALIAS,
        )


@pytest.fixture(scope="session")
def knows_tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that reads token ids; each byte is its own token."""
    folder = tmp_path_factory.mktemp("collection")
    vocabulary = folder / "bytes.tiktoken"
    lines = [f"{base64.b64encode(bytes([value])).decode()} {value}" for value in range(256)]
    vocabulary.write_text("\n".join(lines))
    with server(folder, MMEMBED_TOKEN_VOCABULARY=str(vocabulary)) as address:
        yield address


@contextmanager
def server(data: Path, **variables: str) -> Iterator[str]:
    """The address of a process that serves the bundled model."""
    command = [sys.executable, "-m", "mmembed"]
    options = ["--data", str(data), "--model", "bundled", "--engine", ENGINE]
    with Process(command, *options, before=None, MMEMBED_ALIASES=ALIAS, **variables) as process:
        yield process.address
        assert process.end()[0] == 0


@pytest.fixture(scope="session")
def expected() -> Expected:
    return Expected(TEXTS, PICTURES)


@pytest.fixture(scope="module", params=CLIENTS, ids=lambda client: client.name)
def tried(
    request: pytest.FixtureRequest, job: Job, tmp_path_factory: pytest.TempPathFactory
) -> Tried:
    """A client that made all its calls, in its own environment."""
    client: Client = request.param
    if client.sends_tokens:
        job = replace(job, knows_tokens=request.getfixturevalue("knows_tokens"))
    if sys.version_info < client.since:
        pytest.skip(f"it needs Python {'.'.join(map(str, client.since))}")
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


def test_texts(tried: Tried, expected: Expected, record_property: Note) -> None:
    calls = [call for call in tried.calls if not is_error(call) and not of_image(call)]
    assert not complaints(
        tried, "text", calls, lambda call: embedded(call, expected), record_property
    )


def test_images(tried: Tried, expected: Expected, record_property: Note) -> None:
    calls = [call for call in tried.calls if of_image(call)]
    assert not complaints(
        tried, "image", calls, lambda call: embedded(call, expected), record_property
    )


def test_errors(tried: Tried, record_property: Note) -> None:
    """The client raises what it raises for other servers, with what ours said in it."""
    calls = [call for call in tried.calls if is_error(call)]
    assert not complaints(tried, "errors", calls, refused, record_property)


def complaints(
    tried: Tried,
    column: str,
    calls: list[Call],
    judge: Callable[[Call], str],
    record: Note,
) -> str:
    """What is wrong with each call, a line each; notes for the table which are right."""
    wrong = {call["form"]: found for call in calls if (found := judge(call))}
    record("client", tried.client.name)
    record("version", tried.version)
    record("column", column)
    record("forms", [call["form"] for call in calls if bool(wrong) == (call["form"] in wrong)])
    if not calls:
        pytest.skip(tried.lacks)
    return "\n".join(f"{form}: {found}" for form, found in wrong.items())


def embedded(call: Call, expected: Expected) -> str:
    """What is wrong with the embeddings of a call, if anything."""
    return call.get("failed") or expected.complaint(call["kind"], call["rows"])


def refused(call: Call) -> str:
    """What is wrong with the error of a call, if anything."""
    if "failed" in call:
        return str(call["failed"])
    said = re.search(call["says"], call["message"])
    return "" if said else f"{call['message']!r} does not say {call['says']!r}"


def is_error(call: Call) -> bool:
    return bool(call["kind"] == "error")


def of_image(call: Call) -> bool:
    return "image" in call["kind"] or call["kind"] == "mixed"

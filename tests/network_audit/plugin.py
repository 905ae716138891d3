"""pytest's side of the audit: which test it was, and that the run fails."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.network_audit import sitecustomize

HERE = str(Path(__file__).parent)
SAID = "looked up, or connected to, other hosts than this one"


class Audit:
    """The file of one run, and how far it has been read."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read = 0

    def news(self) -> str:
        """What was written since it was last asked for."""
        if not self.file.exists() or self.file.stat().st_size == self._read:
            return ""
        content = self.file.read_bytes()
        new, self._read = content[self._read :], len(content)
        return new.decode(errors="replace")


_audit = pytest.StashKey[Audit]()
_of_workers = pytest.StashKey[list[str]]()
OF_WORKER = "network_audit"
"""The key of what a worker sends to the first process."""


def pytest_configure(config: pytest.Config) -> None:
    """From here on. Tests that need a network are not watched."""
    if sitecustomize.FILE in os.environ or _is_meant_for_networks(config):
        return  # a run within a run is watched by the outer one
    if config.getoption("numprocesses", None):
        return  # each worker watches itself, and so knows which test it was
    folder = tempfile.mkdtemp(prefix="mmembed-network-audit-")
    config.stash[_audit] = audit = Audit(Path(folder) / "log.txt")
    os.environ[sitecustomize.FILE] = str(audit.file)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [HERE, os.environ.get("PYTHONPATH")]))
    sitecustomize.watch(audit.file)


def _is_meant_for_networks(config: pytest.Config) -> bool:
    return str(config.getoption("markexpr", "")).strip() == "network"


@pytest.fixture(autouse=True)
def _nothing_leaves(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    audit = request.config.stash.get(_audit, None)
    if audit is not None and (news := audit.news()):
        pytest.fail(f"this test, or a process of it, {SAID}:\n{news}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What came after the last test, or between two, counts as well."""
    if of_workers := session.config.stash.get(_of_workers, None):
        _fail(session, "".join(of_workers))
    audit = session.config.stash.get(_audit, None)
    if audit is None:
        return
    if news := audit.news():
        _fail(session, news)
    audit.file.unlink(missing_ok=True)
    audit.file.parent.rmdir()


def _fail(session: pytest.Session, news: str) -> None:
    """The exit status of a worker of xdist counts for nothing: the first process fails in its
    place."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output[OF_WORKER] = news
        return
    session.exitstatus = pytest.ExitCode.TESTS_FAILED
    session.config.get_terminal_writer().line(f"\nprocesses of this run {SAID}:\n{news}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker has ended; what it sends is lost if it crashed, which fails the run anyway."""
    if news := getattr(node, "workeroutput", {}).get(OF_WORKER):
        node.config.stash.setdefault(_of_workers, []).append(news)

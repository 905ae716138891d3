"""The audit of the tests' own network use can fail: it sees look-ups wherever they are made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.network_audit import sitecustomize
from tests.serving import PATIENCE_S, ROOT, environment

pytestmark = pytest.mark.slow

LOOK_UP = "import socket\ntry: socket.getaddrinfo('unknown.invalid', 80)\nexcept OSError: pass\n"
CONNECT = (
    "import socket\ns = socket.socket()\ns.settimeout(0)\n"
    "try: s.connect(('192.0.2.1', 80))\nexcept OSError: pass\n"
)
LOCAL = (
    "import socket\nsocket.getaddrinfo('localhost', 80)\n"
    "s = socket.socket()\n"
    "try: s.connect(('127.0.0.1', 9))\nexcept OSError: pass\n"
)
WITHOUT = ("-p", "no:cacheprovider", "-p", "no:schemathesis")
"""Of pytest: the latter takes seconds to load."""


def audited(code: str, log: Path) -> str:
    """What is counted while a process of its own runs `code`."""
    variables = environment(NETWORK_AUDIT_FILE=str(log))
    subprocess.run([sys.executable, "-c", code], env=variables, check=True, timeout=PATIENCE_S)
    return log.read_text() if log.exists() else ""


@pytest.mark.parametrize(("code", "host"), [(LOOK_UP, "unknown.invalid"), (CONNECT, "192.0.2.1")])
def test_foreign_hosts_are_counted(code: str, host: str, tmp_path: Path) -> None:
    assert f"'{host}' in process" in audited(code, tmp_path / "log")


def test_a_process_of_a_process_is_counted(tmp_path: Path) -> None:
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {LOOK_UP!r}])"
    assert audited(code, tmp_path / "log").count("unknown.invalid") == 1


def test_this_machine_is_not_counted(tmp_path: Path) -> None:
    assert audited(LOCAL, tmp_path / "log") == ""


def test_the_name_of_this_machine_is_counted_unless_it_may_be_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = "socket.gethostbyaddr", ("here",)
    assert sitecustomize.host_of(*asked) == "here"
    monkeypatch.setenv(sitecustomize.OWN_NAME, "here")
    assert sitecustomize.host_of(*asked) is None
    assert sitecustomize.host_of("socket.getaddrinfo", ("there", 80)) == "there"


@pytest.mark.parametrize(
    ("event", "arguments", "host"),
    [
        ("socket.getaddrinfo", ("example.org", 80, 0, 0, 0), "example.org"),
        ("socket.getaddrinfo", (b"example.org", 80, 0, 0, 0), "example.org"),
        ("socket.getaddrinfo", ("2130706433", 80, 0, 0, 0), None),
        ("socket.getaddrinfo", ("127。0。0。1", 80, 0, 0, 0), None),
        ("socket.connect", (object(), ("0x7f.1", 80)), None),
        ("socket.connect", (object(), ("::ffff:10.0.0.1", 80, 0, 0)), "::ffff:10.0.0.1"),
        ("socket.getaddrinfo", (None, 80, 0, 0, 0), None),
        ("socket.gethostbyname", ("example.org",), "example.org"),
        ("socket.connect", (object(), ("10.0.0.1", 80)), "10.0.0.1"),
        ("socket.connect", (object(), ("::1", 80, 0, 0)), None),
        ("socket.connect", (object(), ("fe80::1%eth0", 80, 0, 2)), "fe80::1%eth0"),
        ("socket.connect", (object(), "/run/socket"), None),
        ("socket.sendto", (object(), ("192.0.2.1", 53)), "192.0.2.1"),
        ("socket.bind", (object(), ("10.0.0.1", 80)), None),
    ],
)
def test_what_counts(event: str, arguments: tuple[Any, ...], host: Any) -> None:
    assert sitecustomize.host_of(event, arguments) == host


@pytest.mark.parametrize(
    ("code", "where", "passes"),
    [
        (LOOK_UP, "in the test", False),
        (CONNECT, "in a process", False),
        (LOOK_UP, "after the last test", False),
        (LOCAL, "in the test", True),
    ],
)
@pytest.mark.parametrize("spread", [[], ["-n1"]], ids=["in one process", "by workers"])
def test_a_run_fails_by_it(
    code: str, where: str, passes: bool, spread: list[str], tmp_path: Path
) -> None:
    """pytest in a process of its own, over one test."""
    if spread:
        pytest.importorskip("xdist")
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {code!r}])\n"
    lines = {"in the test": code, "in a process": child}.get(where, "pass")
    body = "".join(f"    {line}\n" for line in lines.splitlines())
    (tmp_path / "test_it.py").write_text(f"def test_nothing():\n{body}")
    conftest = "import pytest\npytest_plugins = ('tests.network_audit.plugin',)\n"
    if where == "after the last test":
        early = "@pytest.hookimpl(tryfirst=True)\ndef pytest_sessionfinish():\n"
        conftest += f"{early}    exec({code!r})\n"
    (tmp_path / "conftest.py").write_text(conftest)
    variables = environment(PYTHONPATH=str(ROOT))
    variables.pop(sitecustomize.FILE, None)
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *WITHOUT, *spread, str(tmp_path)],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (finished.returncode == 0) == passes, finished.stdout + finished.stderr
    assert ("other hosts than this one" in finished.stdout) == (not passes)

"""The tests lie as the package does, in files that can be read at a sitting."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import LEFT_OUT_AS_A_WHOLE
from tests.workers import LONGEST

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "mmembed"
LIMIT = 400
"""Lines of a file of tests."""
SERVERS = {
    *("tests.postgres_server", "tests.temporary_postgres", "tests.postgres_pair"),
    "tests.s3_server",
}
"""Modules that start a server, or use one."""
_FROM_TESTS = re.compile(r"\bfrom\s+[\w.]*test_")
"""Whatever imports so; most files do not, and need not be parsed."""
OF_NO_PACKAGE = {
    *(
        "benchmarks",
        "clients",
        "contracts",
        "deploy",
        "golden",
        "network_audit",
        "project",
        "training",
    ),
    "web",
}
"""Folders at the top of `tests/` whose subject is no folder of the package."""


def files() -> list[str]:
    return sorted(str(file.relative_to(TESTS)) for file in TESTS.rglob("test_*.py"))


def folders() -> Iterator[Path]:
    """Those with Python files, relative to `tests/`."""
    for folder in {file.parent.relative_to(TESTS) for file in TESTS.rglob("*.py")}:
        if folder.parts and folder.parts[0] not in OF_NO_PACKAGE:
            yield folder


@pytest.mark.parametrize("file", files())
def test_files_of_tests_are_short(file: str) -> None:
    lines = len((TESTS / file).read_text("utf-8").splitlines())
    assert lines <= LIMIT, f"{file}: {lines} lines, limit {LIMIT}; split it by what it tests"


def test_folders_of_tests_are_those_of_the_package() -> None:
    strangers = [str(folder) for folder in folders() if not (PACKAGE / folder).is_dir()]
    assert strangers == [], "no such folder in mmembed/"


def test_every_package_has_tests_that_run_before_each_commit() -> None:
    """Those that `make test FAST=1` leaves out say so near their top."""
    packages = [file.parent.relative_to(PACKAGE) for file in PACKAGE.rglob("__init__.py")]
    files = {
        package: [file.read_text("utf-8") for file in (TESTS / package).glob("test_*.py")]
        for package in packages
    }
    without = [
        str(name) for name, texts in files.items() if all(map(LEFT_OUT_AS_A_WHOLE.search, texts))
    ]
    assert without == []


def test_files_that_workers_begin_with_are_there() -> None:
    assert [file for file in LONGEST if not (TESTS / file).is_file()] == []


def test_tests_on_servers_say_so() -> None:
    """`make test-scale` runs them, and nothing else does."""
    unmarked = [
        file
        for file in files()
        if "_server" in (text := (TESTS / file).read_text("utf-8")) or "_postgres" in text
        if any(
            isinstance(node, ast.ImportFrom) and node.module in SERVERS
            for node in ast.walk(ast.parse(text))
        )
        if "pytest.mark.scale" not in text and "made(" not in text  # of tests.contracts.conftest
    ]
    assert unmarked == [], "mark what needs a server with pytest.mark.scale"


def test_no_test_imports_from_another_file_of_tests() -> None:
    """What several tests need lies in a module of its own, so that files may be split and moved."""
    found = [
        f"{file}: {node.module}"
        for file in sorted(TESTS.rglob("*.py"))
        if _FROM_TESTS.search(text := file.read_text("utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and ".test_" in f".{node.module}"
    ]
    assert found == []

"""The tests lie as the package does, in files that can be read at a sitting."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "mmembed"
LIMIT = 400
"""Lines of a file of tests."""
OF_NO_PACKAGE = {
    *("benchmarks", "clients", "contracts", "golden", "network_audit", "project", "training"),
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


def test_no_test_imports_from_another_file_of_tests() -> None:
    """What several tests need lies in a module of its own, so that files may be split and moved."""
    found = [
        f"{file}: {node.module}"
        for file in sorted(TESTS.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and ".test_" in f".{node.module}"
    ]
    assert found == []

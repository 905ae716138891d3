"""Files are put in place, renamed and synced by `mmembed.files` alone."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from mmembed import files
from tests.project.sources import FILES, PACKAGE, dotted, nodes_of

OWNER = PACKAGE / "files.py"
BY_NAME = {"os.replace", "os.rename", "os.renames", "os.fsync", "os.fdatasync", "shutil.move"}
OTHERS = [path for path in FILES if path != OWNER]


def own_writing(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Calls that rename or sync: those of `os`, and `rename` and `replace` of a path. `replace`
    of a text takes two arguments, that of a date names them."""
    for node in nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        alone = len(node.args) == 1 and not node.keywords
        if dotted(node.func) in BY_NAME or (node.func.attr in ("rename", "replace") and alone):
            yield f"line {node.lineno}: {ast.unparse(node.func)}"


@pytest.mark.parametrize("path", OTHERS, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_one_module_puts_files_in_place(path: Path) -> None:
    assert not [*own_writing(nodes_of(path))], "files.replace, move, sync do that"


@pytest.mark.parametrize("line", ["os.replace(a, b)", "a.rename(b)", "a.replace(b)", "os.fsync(1)"])
def test_own_ways_are_seen(line: str) -> None:
    assert [*own_writing(ast.walk(ast.parse(line)))]
    allowed = ast.parse("a.replace('x', 'y'); replace(a, b=1); d.replace(day=1)")
    assert not [*own_writing(ast.walk(allowed))]


@pytest.mark.parametrize("one_writer", [True, False])
def test_a_file_is_whole_or_as_it_was(tmp_path: Path, one_writer: bool) -> None:
    path = tmp_path / "file"
    files.replace(path, b"first", one_writer=one_writer)
    with pytest.raises(TypeError):
        files.replace(path, b"second", "no bytes", one_writer=one_writer)  # type: ignore[arg-type]
    assert path.read_bytes() == b"first"
    assert [*tmp_path.iterdir()] == [path]


def test_what_a_killed_writer_left_is_overwritten(tmp_path: Path) -> None:
    left = tmp_path / f"file{files.ASIDE}"
    left.write_bytes(b"half of something that is longer")
    files.replace(tmp_path / "file", b"whole", one_writer=True)
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert not left.exists()

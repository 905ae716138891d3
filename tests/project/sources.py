"""The package's sources as syntax trees. Each is parsed once for all rules that look at it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "mmembed"
FILES = sorted(PACKAGE.rglob("*.py"))


@cache
def source_of(path: Path) -> str:
    return path.read_text("utf-8")


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a file; the first is its module. Rules must not change them."""
    return tuple(ast.walk(ast.parse(source_of(path))))


def dotted(node: ast.expr) -> str:
    """`name` and `module.name` as written; nothing of any other expression. Renders faster than
    `ast.unparse`, which took most of the time of these rules."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return f"{module}.{name}"
    return ""

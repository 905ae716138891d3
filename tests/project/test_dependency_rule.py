"""entry points → collection → stages → errors, types; one owner for each foreign library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "mmembed"
FOUNDATION = {
    *("errors", "types", "config", "cancellation", "commands", "failing", "files", "memory"),
    *("reading", "hosts", "privacy", "proof"),
}
STAGES = {
    "batcher",
    "caches",
    "catalog",
    "decode",
    "encoder",
    "engines",
    "fetch",
    "index",
    "originals",
    "paging",
    "query",
    "running",
    "single_flight",
    "thumbnails",
    "turns",
    "zeroshot",
}
COMPOSITION = [
    "indexed",
    "leftovers",
    "ingest",
    "models",
    "views",
    "resident",
    "guilty",
    "embedder",
    "binding",
    "classifier",
    "served",
    "items",
    "indexing",
    "collection",
    "eval",
]
"""Each may use those before it, and every stage."""
ENTRY_POINTS = {"cli", "server"}
FROM_ENTRY_POINTS = FOUNDATION | {"collection", "ingest"}

OWNERS = {
    "PIL": {"decode"},
    "pillow_heif": {"decode"},
    "torch": {"encoder", "engines"},
    "openvino": {"engines"},
    "nncf": {"engines"},
    "tokenizers": {"encoder"},
    "ftfy": {"encoder"},
    "regex": {"encoder"},
    "torchvision": {"encoder"},
    "open_clip": {"encoder"},
    "timm": {"encoder"},
    "huggingface_hub": {"encoder"},
    "safetensors": {"encoder"},
    "sqlite3": {"catalog"},
    "fcntl": {"catalog"},
    "usearch": {"index"},
    "numkong": {"index"},
    "pyarrow": {"ingest"},
    "anyio": {"server"},
    "fastapi": {"server"},
    "starlette": {"server"},
    "pydantic": {"server"},
    "orjson": {"server"},
    "prometheus_client": {"server"},
    "ssl": {"fetch"},
    "uvicorn": {"server"},
    "h11": {"server"},
    "tqdm": {"cli"},
    "argparse": {"cli"},
}

FILES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    """`mmembed/decode/colour.py` → `decode`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Every module that is imported at run time; TYPE_CHECKING blocks do not run."""
    pending: list[ast.AST] = [ast.parse(path.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            if node.module == "mmembed":
                yield from (f"mmembed.{alias.name}" for alias in node.names)
            yield node.module
        pending.extend(ast.iter_child_nodes(node))


def allowed_for(part: str) -> set[str]:
    if part in FOUNDATION:
        more = {
            "config": {"config", "hosts", "reading"},
            "commands": {"config"},
            "memory": {"cancellation"},
        }
        return {"errors", "types"} | more.get(part, set())
    if part == "encoder":
        return FOUNDATION | {"engines"}
    if part == "running":
        return FOUNDATION | {"turns"}
    if part == "batcher":
        return FOUNDATION | {"turns", "running"}
    if part in STAGES:
        return FOUNDATION
    if part in COMPOSITION:
        return FOUNDATION | STAGES | set(COMPOSITION[: COMPOSITION.index(part)])
    if part == "cli":
        return FROM_ENTRY_POINTS | {"eval", "models", "server"}
    if part == "server":
        return FROM_ENTRY_POINTS
    assert part in {"__init__", "__main__"}, f"{part}: where in the way of the data is it?"
    return FOUNDATION | STAGES | ENTRY_POINTS | set(COMPOSITION)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    part = part_of(path)
    for module in imports(path):
        if module.startswith("mmembed."):
            target = module.split(".")[1]
            assert target == part or target in allowed_for(part), f"{part} imports {target}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_foreign_libraries_have_one_owner(path: Path) -> None:
    for module in imports(path):
        owners = OWNERS.get(module.split(".")[0])
        assert owners is None or part_of(path) in owners, f"{module} belongs to {owners}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_config_reads_the_environment_and_only_cli_prints(path: Path) -> None:
    part = part_of(path)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}:
            assert part in {"config", "privacy"}, f"{path}:{node.lineno} reads the environment"
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "sys.exit", "exit"}:
            assert part in {"cli", "__main__"}, f"{path}:{node.lineno} prints or exits"

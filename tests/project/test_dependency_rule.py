"""ground ← filters ← media, fetch, engines, store ← sources, models | search, ingest ← exchange,
classify, explore ← collection ← eval, server, cli; one owner for each foreign library."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.project.sources import FILES, PACKAGE, dotted, nodes_of

GROUND = {
    *("errors", "types", "config", "cancellation", "files", "item_failures", "item_json"),
    *("memory_budget", "places", "counted"),
}
FACE_OF_STORE = {
    "store.protocol",
    "store.blob_protocol",
    "store.entries",
    "store.chunks",
    "store.pieces",
    "store.record_protocol",
}
"""What is seen of a store by all who are not to know which one it is."""
BELOW: dict[str, set[str]] = {
    "filters": set(),
    "media": set(),
    "fetch": set(),
    "engines": set(),
    "store": {"filters"},
    "sources": {"media", "fetch", "store.object_store", *FACE_OF_STORE},
    "models": {"media", "engines"},
    "search": {"filters", "media", *FACE_OF_STORE},
    "ingest": {"filters", "media", "sources", "models", *FACE_OF_STORE},
    "exchange": {"filters", "ingest", *FACE_OF_STORE},
    "classify": {"models"},
    "explore": {"filters", "media", "models", "search", "classify", *FACE_OF_STORE},
    "collection": {
        *("filters", "media", "fetch", "engines", "store", "sources", "models", "search"),
        "ingest",
        *("exchange", "classify", "explore"),
    },
    "eval": {
        *("collection", "classify", "models", "media", "ingest", "engines", "filters"),
        *FACE_OF_STORE,
    },
    "server": {"collection", "filters"},
    "cluster": {"collection"},
    "cli": {"collection", "eval", "server", "cluster", "filters"},
}
"""What each package may import besides the ground and itself."""
ENTRY_POINTS = ("server", "cluster", "cli")
TAKES_SETTINGS = {"config", "collection", "eval", *ENTRY_POINTS}

OWNERS = {
    "PIL": ("media",),
    "pillow_heif": ("media",),
    "torch": ("models/open_clip", "engines"),
    "openvino": ("engines",),
    "nncf": ("engines",),
    "tokenizers": ("models/open_clip",),
    "ftfy": ("models/open_clip",),
    "regex": ("models/open_clip",),
    "torchvision": ("models/open_clip",),
    "open_clip": ("models/open_clip",),
    "timm": ("models/open_clip",),
    "huggingface_hub": ("models/open_clip",),
    "safetensors": ("models/open_clip",),
    "sqlite3": ("store/sqlite", "store/words"),
    "fcntl": ("store",),
    "fsspec": ("store",),
    "psycopg": ("store/postgres",),
    "usearch": ("store/vectors",),
    "numkong": ("store/vectors",),
    "pyarrow": ("ingest", "exchange"),
    "openTSNE": ("explore/map",),
    "anyio": ("server",),
    "fastapi": ("server",),
    "starlette": ("server",),
    "pydantic": ("server",),
    "orjson": ("server",),
    "prometheus_client": ("server",),
    "ssl": ("fetch",),
    "uvicorn": ("server",),
    "h11": ("server",),
    "ray": ("cluster",),
    "tqdm": ("cli",),
    "watchfiles": ("ingest/watch",),
    "argparse": ("cli",),
}
"""The folders that alone import a library, and translate its errors."""


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def part_of(path: Path) -> str:
    """`mmembed/media/colour.py` → `media`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Every module that is imported at run time; TYPE_CHECKING blocks do not run."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    pending: list[ast.AST] = [nodes_of(path)[0]]
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


def may_import(part: str, target: str) -> bool:
    """part: a package or module of `mmembed`. target: a module, without `mmembed.`"""
    if part in ("__init__", "__main__"):
        return True
    assert part in GROUND or part in BELOW, f"{part}: where in the way of the data is it?"
    known = GROUND | ({part, *BELOW[part]} if part in BELOW else set())
    return any(target == one or target.startswith(f"{one}.") for one in known)


def forbidden_imports(path: Path) -> set[str]:
    part = part_of(path)
    ours = (module.split(".", 1) for module in imports(path) if module.startswith("mmembed."))
    return {target for _, target in ours if not may_import(part, target)}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_imports_go_one_way(path: Path) -> None:
    forbidden = sorted(forbidden_imports(path))
    assert not forbidden, f"{part_of(path)} imports {forbidden}"


def test_the_rule_itself_goes_one_way() -> None:
    order = list(BELOW)
    for part, allowed in BELOW.items():
        for one in allowed:
            assert order.index(one.split(".")[0]) < order.index(part), f"{part} → {one}"
    assert {part_of(path) for path in FILES} <= GROUND | {*BELOW, "__init__", "__main__"}


def module_of(path: Path) -> str:
    """`mmembed/media/colour.py` → `mmembed.media.colour`."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    )


def imported_modules(path: Path) -> set[str]:
    """The modules of ours that a module names, within functions, too."""
    modules = {module_of(file) for file in FILES}
    nodes = nodes_of(path)
    typed = {id(part) for node in nodes if _is_for_typing(node) for part in ast.walk(node)}
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in typed:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= parts & modules or {node.module} & modules
    return found - {module_of(path)}


def _is_for_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_no_modules_import_each_other() -> None:
    graph = {module_of(path): imported_modules(path) for path in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_foreign_libraries_have_one_owner(path: Path) -> None:
    for module in imports(path):
        owners = OWNERS.get(module.split(".")[0])
        assert owners is None or named(path).startswith(tuple(f"{one}/" for one in owners)), (
            f"{module} belongs to {owners}"
        )


def is_collection(node: ast.expr) -> bool:
    """`collection`, `self._collection`, `app.state.collection`, `collection_of(request)`."""
    shown = ast.unparse(node.func) if isinstance(node, ast.Call) else ast.unparse(node)
    last = shown.split(".")[-1].lstrip("_")
    return last == ("collection_of" if isinstance(node, ast.Call) else "collection")


def reaching_through(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Attributes of parts of a collection; to import the part would be no worse."""
    for node in nodes:
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Attribute)
            and is_collection(node.value.value)
        ):
            yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", [p for p in FILES if part_of(p) in ENTRY_POINTS], ids=named)
def test_entry_points_call_methods_of_the_collection(path: Path) -> None:
    assert not [*reaching_through(nodes_of(path))]


@pytest.mark.parametrize(
    "line",
    [
        "collection.catalog.count()",
        "self._collection.served.busy()",
        "app.state.collection.settings.data",
        "collection_of(request).embedder.name",
    ],
)
def test_reaching_through_is_seen(line: str) -> None:
    assert [*reaching_through(ast.walk(ast.parse(line)))]
    allowed = ast.parse("collection.item(1).path; collection.name")
    assert not [*reaching_through(ast.walk(allowed))]


@pytest.mark.parametrize("path", FILES, ids=named)
def test_below_collection_nothing_takes_settings(path: Path) -> None:
    if part_of(path) in TAKES_SETTINGS or part_of(path) in ("__init__", "__main__"):
        return
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and node.module == "mmembed.config.settings":
            assert "Settings" not in [one.name for one in node.names], "plain arguments, please"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_only_config_reads_the_environment_and_only_cli_prints(path: Path) -> None:
    part = part_of(path)
    for node in nodes_of(path):
        if isinstance(node, ast.Attribute) and dotted(node) in {"os.environ", "os.getenv"}:
            assert part == "config", f"{path}:{node.lineno} reads the environment"
        if isinstance(node, ast.Call) and dotted(node.func) in {"print", "sys.exit", "exit"}:
            assert part in {"cli", "__main__"}, f"{path}:{node.lineno} prints or exits"

"""How tests run where pytest-xdist spreads their files over several processes."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

LONGEST = (
    "server/test_openapi.py",
    "cluster/test_ray_workers.py",
    "collection/test_shared_work.py",
    "engines/test_engines.py",
    "config/test_library_privacy.py",
    "models/open_clip/test_encoder.py",
    "eval/test_command_line.py",
    "cli/test_real_model.py",
    "project/test_end_to_end.py",
)
"""Files whose tests take half a minute and more, the longest first."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers begin with the files that take longest: all would wait for such a one at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """The longest files come in their order, then slow ones, then all others."""
    file = item.path.as_posix()
    for place, longest in enumerate(LONGEST):
        if file.endswith(f"tests/{longest}"):
            return place
    return len(LONGEST) + (not _is_of_slow_file(item))


def _is_of_slow_file(item: pytest.Item) -> bool:
    module = item.getparent(pytest.Module)
    return module is not None and any(mark.name == "slow" for mark in module.own_markers)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """A worker sends its reports, with all that was captured, as UTF-8. Names of files may hold
    what has no place there."""
    return _encodable((yield))


def _encodable(value: Any) -> Any:
    match value:
        case str() if not value.isascii():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {key: _encodable(item) for key, item in value.items()}
        case list() | tuple():
            return type(value)(map(_encodable, value))
    return value

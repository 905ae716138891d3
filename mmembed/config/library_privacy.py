"""Stops libraries from sending reports, and from leaving files in the home folder.

Applied when `mmembed` is imported, before any of these libraries: some report at their own import.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Switches of huggingface_hub, which otherwise fetches and stores a list of programs with each
download, and of Ray, which otherwise reports every hour what its cluster is used for."""
REPORTER = "openvino_telemetry"
"""The package that openvino and nncf report through. Both work without it."""
_SPEAKS = ("init", "send_event", "send_error", "send_stack_trace", "start_session", "end_session")
_COMPILERS = {
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "CUDA_CACHE_PATH": "cuda",
    "PYTORCH_KERNEL_CACHE_PATH": "kernels",
}
"""Cache folders of torch's compilers. By default they are in the home or in the system's temporary
folder."""


def keep_libraries_silent() -> None:
    """Turn off the reporting of libraries, in this process and its child processes. It works in any
    environment, also for libraries that are imported already."""
    os.environ.update(VARIABLES)
    constants: Any = sys.modules.get("huggingface_hub.constants")
    if constants is not None:
        constants.HF_HUB_DISABLE_TELEMETRY = True
    known: Any = sys.modules.get(REPORTER)
    if known is None:
        sys.modules[REPORTER] = None  # type: ignore[assignment]  # its import fails from here on
        return
    for name in _SPEAKS:
        setattr(known.Telemetry, name, _nothing)


def keep_libraries_within(cache: Path) -> None:
    """Let torch's compilers write below the cache folder, unless the user set another place. If the
    user has no home folder, all libraries write there. Call this before torch is imported, which
    makes such a folder, or fails. A cache that cannot be written is not used."""
    cache = cache.absolute()
    if _can_be_written(cache):
        for variable, folder in _COMPILERS.items():
            os.environ.setdefault(variable, str(cache / "torch" / folder))
    if not os.path.isabs(os.path.expanduser("~")):
        os.environ["HOME"] = str(cache)


def _can_be_written(folder: Path) -> bool:
    nearest = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _nothing(*_: Any, **__: Any) -> None:
    pass

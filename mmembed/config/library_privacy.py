"""What libraries may not do in our name: tell anybody of us, or leave files in the home folder.

Applied when `mmembed` is imported, before any of them is: some report at their own import.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

VARIABLES = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
}
"""Of huggingface_hub, which else fetches a list of programs, and keeps it, with each download."""
REPORTER = "openvino_telemetry"
"""What openvino and nncf report through. Both do without where it cannot be imported."""
_SPEAKS = ("init", "send_event", "send_error", "send_stack_trace", "start_session", "end_session")
_COMPILERS = {
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "CUDA_CACHE_PATH": "cuda",
    "PYTORCH_KERNEL_CACHE_PATH": "kernels",
}
"""Where torch's compilers keep what they made, which is in the home or in the system's temporary
folder unless told otherwise."""


def keep_libraries_silent() -> None:
    """Turn the reporting of libraries off, in this process and in those that it starts, whatever
    the environment says, and whether or not they are imported already."""
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
    """Let torch's compilers write below the cache folder, unless the user gave them another
    place; and all libraries, where the user has no home folder. To be called before torch is
    imported, which makes such a folder and fails where it cannot: a cache that cannot be written
    is left alone."""
    cache = cache.absolute()
    if _can_be_written(cache):
        for variable, folder in _COMPILERS.items():
            os.environ.setdefault(variable, str(cache / "torch" / folder))
    if not os.path.isabs(os.path.expanduser("~")):
        os.environ["HOME"] = str(cache)


def _can_be_written(folder: Path) -> bool:
    nearest = next(one for one in (folder, *folder.parents) if os.path.exists(one))
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _nothing(*_: Any, **__: Any) -> None:
    pass

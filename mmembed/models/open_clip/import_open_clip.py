"""Imports torch and its libraries, when they are first needed; no other module does."""

from __future__ import annotations

import importlib
import sys
import threading
from typing import Any

from mmembed.errors import ModelError

_lock = threading.Lock()
_kept: list[Any] = []  # operator schemas vanish with the Library object that declared them


def import_open_clip() -> Any:
    """The module `open_clip`, imported so that any torchvision will do. Raises ModelError."""
    with _lock:
        try:
            _import_torchvision()
            return importlib.import_module("open_clip")
        except (ImportError, OSError, RuntimeError) as error:
            raise ModelError(f"torch or open_clip cannot be imported: {error}") from error


def _import_torchvision() -> None:
    """Import torchvision, even if its compiled half does not fit the installed torch.

    open_clip needs only its transforms, which are pure Python. But a torchvision built for CUDA,
    beside a CPU build of torch, stops at «operator torchvision::nms does not exist». Declaring the
    operators' schemas, without implementations, lets the import pass.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]  # a half-imported package would fail in other ways
        _declare_operators()
        importlib.import_module("torchvision")


def _declare_operators() -> None:
    library = importlib.import_module("torch.library").Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept.append(library)

"""Prepares a model in a process of its own, so that a server never loads torch.

The trial of the engines and the compilation take torch: some 350 MB that stay in a process for
good. The stored result is then opened without torch.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from mmembed.errors import ModelError
from mmembed.models.open_clip.engine_record import EngineRecord, may_have_accelerator
from mmembed.models.open_clip.model_names import locate

POLL_S = 0.1
# Modules are found where this process finds them, not in the current folder, whose files may have
# any name.
PROGRAM = (
    "import sys; sys.path[:] = sys.argv[4:]; from pathlib import Path; "
    "from mmembed import load_encoder; "
    "load_encoder(sys.argv[1], engine=sys.argv[2], cache=Path(sys.argv[3]))"
)


def prepare_apart(name: str, engine: str, cache: Path, ended: Callable[[], bool]) -> None:
    """Prepare a model whose files are here, unless it is prepared already, or a graphics card may
    run it. A failure is not reported: loading the model will report it.

    ended: whether the result is no longer wanted; the process is then ended.
    """
    if may_have_accelerator() or EngineRecord.find(cache, name) or not _is_here(name):
        return
    command = [sys.executable, "-c", PROGRAM, name, engine, str(cache), *sys.path]
    nothing = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing) as process:
        while _runs(process):
            if ended():
                process.kill()


def _runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(POLL_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _is_here(name: str) -> bool:
    """Whether the model is a folder of this machine. A download shows its progress in the waiting
    process, and other names are looked up with torch."""
    try:
        return name.startswith(("bundled", "local-dir:")) and locate(name).folder is not None
    except ModelError:
        return False

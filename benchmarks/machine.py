"""What the figures were measured on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent

_VERSIONS = """
import importlib.metadata as metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def describe() -> dict[str, object]:
    """Processor, cores, memory, system, load: what a reader needs to judge the figures."""
    return {
        "processor": processor(),
        "cores": cores(),
        "memory_gb": round(memory_bytes() / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }  # fmt: skip


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """The name of the processor and the matrix instructions it has."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    lines = (line.partition(":") for line in info.read_text().splitlines())
    fields = {name.strip(): value.strip() for name, _, value in lines}
    known = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")
    have = [flag for flag in known if flag in fields.get("flags", "").split()]
    return f"{fields.get('model name', platform.machine())} ({', '.join(have)})"


def memory_bytes() -> int:
    """Physical memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def versions(python: Path, packages: tuple[str, ...]) -> dict[str, str]:
    """The versions of packages in an environment; those that it lacks are left out."""
    if not python.exists():
        return {}
    done = subprocess.run([python, "-c", _VERSIONS, *packages], capture_output=True, text=True)
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {}

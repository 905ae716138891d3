"""Make a virtual environment for every group of clients from its file in requirements/.

    python -m tests.clients.environments [NAME…]     make them
    python -m tests.clients.environments --pin       choose versions anew; needs uv

They are kept in a cache folder and made anew when the pins or Python change.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
DONE = "installed.txt"


def cache() -> Path:
    """Where the environments are: `$XDG_CACHE_HOME/mmembed-test-clients`, or below ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mmembed-test-clients"


def python_of(name: str) -> Path:
    """The interpreter of an environment, which is made where it is missing or outdated.

    Raises subprocess.CalledProcessError where it cannot be installed.
    """
    environment, pins = cache() / name, REQUIREMENTS / f"{name}.txt"
    state = f"{sys.version}\n{pins.read_text()}"
    done = environment / DONE
    python = environment / "bin" / "python"
    if not (done.is_file() and done.read_text() == state):
        sys.stderr.write(f"installing {name}\n")
        shutil.rmtree(environment, ignore_errors=True)
        _run(sys.executable, "-m", "venv", "--without-pip", environment)
        # The pins are complete, so that nothing is left to resolve.
        _run(*_installer(python), "--no-deps", "--quiet", "--requirement", pins)
        done.write_text(state)
    return python


def _installer(python: Path) -> list[str]:
    """uv where it is installed, for it is several times faster; else pip."""
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--python", str(python)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    return [*pip, "install", "--no-compile", "--progress-bar", "off"]


def pin() -> None:
    """Write NAME.txt with all packages that NAME.in needs, for every Python that we support."""
    for wanted in sorted(REQUIREMENTS.glob("*.in")):
        compiled = ["--universal", "--python-version", "3.10", "--upgrade", "--quiet"]
        shown = ["--no-header", "--no-annotate", "--no-emit-index-url"]
        output = ["--output-file", str(wanted.with_suffix(".txt"))]
        _run("uv", "pip", "compile", wanted, *compiled, *shown, *output)


def known() -> list[str]:
    """The names of all environments."""
    return sorted(path.stem for path in REQUIREMENTS.glob("*.txt"))


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--pin"]:
        pin()
    else:
        for one in sys.argv[1:] or known():
            sys.stdout.write(f"{python_of(one)}\n")

"""Make a virtual environment for every peer from its file in requirements/.

    python -m benchmarks.peers.build FOLDER [PEER…]

What is there already is kept; delete a peer's folder to make it anew. A peer that cannot be
installed is named, and stands in the table with the reason: the others go on.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
DONE = ".installed"


def build(folder: Path, names: list[str]) -> list[str]:
    """The peers that could not be installed; by default all are tried."""
    known = sorted(path.stem for path in REQUIREMENTS.glob("*.txt"))
    return [name for name in names or known if not built(folder / name)]


def built(environment: Path) -> bool:
    """Install a peer unless it is there."""
    requirements = REQUIREMENTS / f"{environment.name}.txt"
    if (environment / DONE).exists() and same(environment / DONE, requirements):
        return True
    print(f"installing {environment.name}", file=sys.stderr)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    try:
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([*pip, "install", "--quiet", "--requirement", requirements], check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"{environment.name}: cannot be installed: {error}", file=sys.stderr)
        return False
    (environment / DONE).write_text(requirements.read_text())
    return True


def same(one: Path, other: Path) -> bool:
    """Whether two files say the same."""
    return one.read_text() == other.read_text()


if __name__ == "__main__":
    failed = build(Path(sys.argv[1]), sys.argv[2:])
    sys.exit(1 if failed else 0)

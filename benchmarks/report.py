"""A report: on the screen, and as JSON and Markdown in results/."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.machine import describe

RESULTS = Path(__file__).parent / "results"


class Report:
    """Sections as they get ready; everything so far is on the disk after each one."""

    def __init__(self, name: str, options: dict[str, object], folder: Path = RESULTS) -> None:
        moment = datetime.now(timezone.utc)
        self._path = folder / f"{moment:%Y%m%d-%H%M%S}-{name}"
        self._data: dict[str, object] = {
            "measured_at": moment.isoformat(timespec="seconds"),
            "machine": describe(),
            "options": options,
        }
        lines = [f"{key}: {value}" for key, value in describe().items()]
        self._text = "\n".join([*lines, *(f"--{key} {value}" for key, value in options.items())])
        self._sections: dict[str, object] = {}

    def add(self, title: str, text: str, figures: object) -> None:
        """Print a section and save the report with it."""
        print(f"\n## {title}\n\n{text}", flush=True)
        self._text += f"\n\n## {title}\n\n{text}"
        self._sections[title] = figures
        self._path.parent.mkdir(parents=True, exist_ok=True)
        written = json.dumps(
            self._data | {"sections": self._sections}, indent=1, ensure_ascii=False
        )
        self._path.with_suffix(".json").write_text(written + "\n", "utf-8")
        self._path.with_suffix(".md").write_text(self._text + "\n", "utf-8")

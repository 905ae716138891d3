"""A progress bar."""

from __future__ import annotations

from tqdm import tqdm

from mmembed.ingest import Progress


class Bar:
    """A progress bar with rate and remaining time, where somebody watches."""

    def __init__(self, unit: str = "images") -> None:
        self._unit = unit
        self._bar: tqdm[None] | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def update(self) -> Progress:
        """What the indexing calls."""
        return self._update

    def _update(self, done: int, total: int, failed: int) -> None:
        if self._bar is None:
            unit = f" {self._unit}"
            self._bar = tqdm(total=total, initial=done, unit=unit, disable=None, leave=False)
        self._bar.update(done - self._bar.n)
        if failed:
            self._bar.set_postfix_str(f"{failed} failed")

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.close()

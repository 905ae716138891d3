"""Settings, read once from the environment at the entry points."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mmembed.errors import InputError

PREFIX = "MMEMBED_"


def default_data_folder(environ: Mapping[str, str]) -> Path:
    """`$XDG_DATA_HOME/mmembed`, or `~/.local/share/mmembed`."""
    base = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "mmembed"


@dataclass(frozen=True)
class Settings:
    """All that can be set; each field is also the variable `MMEMBED_<NAME>`.

    The comment behind a field is the help that the command line shows.
    """

    data: Path  # folder that holds the collection
    model: str = "auto"  # model id: auto, bundled, architecture/pretrained, hf-hub:, local-dir:
    host: str = "127.0.0.1"  # address to listen on
    port: int = 8000  # port to listen on
    allowed_hosts: tuple[str, ...] = ()  # host names accepted besides this machine's own
    batch: int = 16  # images or texts per forward pass
    decode_threads: int = 0  # threads that decode images while indexing; 0: one per core
    max_megapixels: float = 100.0  # largest picture that is decoded
    max_image_mb: float = 100.0  # largest image file that is read
    max_upload_mb: float = 64.0  # largest request body
    max_items: int = 64  # images or texts in one request
    max_labels: int = 2000  # labels in one classification
    max_text_chars: int = 10_000  # characters in one text
    max_k: int = 1000  # results in one page
    max_queue: int = 512  # requests that may wait for the model
    exact_limit: int = 50_000  # up to this many candidates, search is exact instead of HNSW

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Settings from `MMEMBED_…` variables; overrides that are not None win.

        Raises InputError, naming the variable, where a value cannot be read.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {"data": default_data_folder(environ)}
        for name in (f.name for f in fields(cls)):
            text = environ.get(PREFIX + name.upper())
            if text:
                values[name] = _parse(name, text)
        values.update({k: v for k, v in overrides.items() if v is not None})
        return cls(**values)


def _parse(name: str, text: str) -> Any:
    kind = {f.name: f.type for f in fields(Settings)}[name]
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text)
    except ValueError:
        raise InputError(f"{PREFIX}{name.upper()}={text}: expected a number") from None
    if kind == "Path":
        return Path(text).expanduser()
    if kind.startswith("tuple"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text

"""Tars for tests."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from tests.fake_encoder import COLOURS


def png(colour: str, size: int = 16) -> bytes:
    """A picture of one colour; of another size, another content."""
    file = io.BytesIO()
    Image.new("RGB", (size, size), COLOURS[colour]).save(file, "PNG")
    return file.getvalue()


def packed(files: Mapping[str, bytes | str]) -> bytes:
    """A tar with these files, in their order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_700_000_000
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tar_at(path: Path, files: Mapping[str, bytes | str]) -> Path:
    """A tar as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed(files))
    return path

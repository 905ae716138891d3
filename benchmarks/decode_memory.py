"""What decoding takes of memory, beside what `mmembed.media.decode_cost` reckons: `python -m
benchmarks.decode_memory`. Each picture is decoded in a child process; Linux only."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from mmembed.media.decode import decode
from mmembed.media.image_limits import ImageLimits
from mmembed.memory_budget import MemoryBudget

SIZE = (5000, 4000)
SIDE = 768
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")
WAYS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "PNG": [("", {})],
    "JPEG": [("", {}), ("progressive", {"progressive": True, "subsampling": 0})],
    "JPEG2000": [
        ("whole", {"num_resolutions": 1}),
        ("halved", {"num_resolutions": 6}),
        ("tiles", {"tile_size": (64, 64)}),
        ("small blocks", {"num_resolutions": 1, "codeblock_size": (4, 4)}),
    ],
    "WEBP": [("", {}), ("lossless", {"lossless": True})],
    "GIF": [("", {}), ("transparent", {"transparency": 0})],
    "BMP": [("", {})],
    "TIFF": [
        ("raw", {}),
        ("deflate", {"compression": "tiff_deflate"}),
        ("one strip", {"compression": "tiff_lzw", "tiffinfo": {278: SIZE[1]}}),
        ("JPEG", {"compression": "jpeg", "tiffinfo": {278: SIZE[1]}}),
    ],
    "AVIF": [("4:4:4", {"speed": 10, "subsampling": "4:4:4"})],
    "HEIF": [("4:4:4", {"chroma": 444, "quality": 10})],
}


class Reckoned(MemoryBudget):
    """Notes what was asked for."""

    asked = 0

    def reserve(self, size: int, *, slot: bool = True) -> Any:
        self.asked = size
        return super().reserve(size, slot=slot)


def pictures() -> Iterator[tuple[str, bytes]]:
    """Name and file of each, where the format has the mode."""
    for kind, ways in WAYS.items():
        for way, options in ways:
            for mode in MODES:
                buffer = io.BytesIO()
                try:
                    Image.new(mode, SIZE).save(buffer, kind, **options)
                except (OSError, ValueError, KeyError, RuntimeError, SystemError, TypeError):
                    continue
                yield f"{kind} {mode} {way}".strip(), buffer.getvalue()


def taken(data: bytes) -> tuple[int, int, str]:
    """Bytes that decoding took and what was reckoned, measured in a child process; an error."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(theirs, repr(_measured(data)).encode())
        os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as pipe:
        found = eval(pipe.read())
    os.waitpid(child, 0)
    return found  # type: ignore[no-any-return]


def _measured(data: bytes) -> tuple[int, int, str]:
    budget = Reckoned(10**12, slots=1, purpose="", setting="")
    Path("/proc/self/clear_refs").write_text("5")
    before, error = _status("VmRSS"), ""
    try:
        decode(data, limits=ImageLimits(10**9, 10**9, budget), side=SIDE)
    except Exception as reason:
        error = str(reason)
    return _status("VmHWM") - before, budget.asked, error


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def main() -> None:
    """Print the table; those that took more than was reckoned are marked."""
    for name, data in _named(sys.argv[1:]) if sys.argv[1:] else pictures():
        took, reckoned, error = taken(data)
        mark = "OVER" if took > reckoned + 2_000_000 else ""
        print(
            f"{name:<32} {took / 1e6:7.0f} MB, reckoned {reckoned / 1e6:7.0f} {mark} {error}",
            flush=True,
        )


def _named(paths: list[str]) -> Iterator[tuple[str, bytes]]:
    return ((Path(path).name, Path(path).read_bytes()) for path in paths)


if __name__ == "__main__":
    main()

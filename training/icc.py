"""A minimal ICC profile: three primaries, a white point and one gamma for all channels."""

from __future__ import annotations

import struct

Tag = tuple[bytes, bytes]

# ProPhoto's primaries, adapted to D50: far wider than sRGB, so ignoring the profile shows.
_RED, _GREEN, _BLUE = (0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249)
_WHITE = (0.9642, 1.0, 0.8249)


def _fixed(values: tuple[float, ...]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _text(text: str) -> bytes:
    return b"text\0\0\0\0" + text.encode("ascii") + b"\0"


def _description(text: str) -> bytes:
    body = text.encode("ascii") + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(body)) + body + bytes(78)


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def _tags(gamma: float) -> list[Tag]:
    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + _fixed(values)

    return [
        (b"desc", _description("Wide gamut RGB")), (b"cprt", _text("CC0")),
        (b"wtpt", xyz(_WHITE)), (b"rXYZ", xyz(_RED)), (b"gXYZ", xyz(_GREEN)),
        (b"bXYZ", xyz(_BLUE)), *((name, _curve(gamma)) for name in (b"rTRC", b"gTRC", b"bTRC")),
    ]  # fmt: skip


def wide_gamut_profile(gamma: float = 1.8) -> bytes:
    """An ICC version 2 display profile with ProPhoto's primaries."""
    tags = _tags(gamma)
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags:
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, offset + len(body), len(data))
        body += data
    size = offset + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += _fixed(_WHITE)
    return header.ljust(128, b"\0") + table + body

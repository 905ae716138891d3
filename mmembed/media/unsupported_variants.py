"""Names of variants of known formats that are not read here, although the file is not broken."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import TiffImagePlugin

from mmembed.media.tiff_layout import tags_of

_JPEG_FRAMES = {
    0xC3: "lossless",
    0xC5: "hierarchical",
    0xC6: "hierarchical",
    0xC7: "hierarchical",
    0xCB: "lossless arithmetic-coded",
    0xCD: "hierarchical",
    0xCE: "hierarchical",
    0xCF: "hierarchical",
    0xF7: "JPEG-LS",
}
_SIZ = b"\xff\x4f\xff\x51"
_MOST_COMPONENTS, _MOST_BITS = 4, 16
_HEIF_CODECS = {
    b"vvc1": "VVC",
    b"evc1": "EVC",
    b"avc1": "AVC",
    b"j2k1": "JPEG 2000",
    b"jpeg": "JPEG",
    b"unci": "uncompressed",
    b"hvc1": "",
    b"hvt1": "",
    b"av01": "",
}
"""Item types of HEIF files and their codecs; types without a name are read."""
_TIFF_COMPRESSIONS = {
    6: "old JPEG", 7: "JPEG", 33003: "JPEG 2000", 33005: "JPEG 2000", 34661: "JBIG",
    34676: "LogLuv", 34677: "LogLuv", 34712: "JPEG 2000", 34892: "lossy JPEG", 50002: "JPEG XL",
    52546: "JPEG XL",
}  # fmt: skip
_PLAIN_COMPRESSIONS = set(TiffImagePlugin.COMPRESSION_INFO) - {6, 7, 34676, 34677}
_TIFF_COLOURS = {
    3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "ICC Lab", 10: "ITU Lab",
    32803: "camera raw", 32844: "LogL", 32845: "LogLuv", 34892: "camera raw",
}  # fmt: skip


def variant_of(data: bytes) -> str | None:
    """`a PNG for iPhones (CgBI)`; None for variants that are read here, and for unknown bytes."""
    try:
        if data.startswith(b"\x89PNG"):
            return "a PNG for iPhones (CgBI)" if data[12:16] == b"CgBI" else None
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
            return _tiff(data)
        if data.startswith((b"\0\0\0\x0cjP  ", _SIZ)):
            return _jpeg_2000(data)
        return _heif(data) if data[4:8] == b"ftyp" else None
    except Exception:  # hostile bytes, of which nothing can be told
        return None


def _jpeg(data: bytes) -> str | None:
    for marker, content in _segments(data):
        is_frame = 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        if is_frame or marker == 0xF7:
            kind, bits, colours = _JPEG_FRAMES.get(marker), content[0], content[5]
            if kind is not None:
                return f"a {kind} {'picture' if 'JPEG' in kind else 'JPEG'}"
            if bits in (12, 16):
                return f"a JPEG of {bits} bits"
            return "a JPEG of 2 colours" if (bits, colours) == (8, 2) else None
    return None


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 2
    while start + 4 <= len(data):
        if data[start] != 0xFF or data[start + 1] in (0xFF, 0):
            start += 1
            continue
        marker = data[start + 1]
        length = int.from_bytes(data[start + 2 : start + 4], "big")
        yield marker, data[start + 4 : start + 2 + length]
        if marker == 0xDA:
            return
        start += 2 + length


def _tiff(data: bytes) -> str | None:
    tags = tags_of(data)
    if 256 not in tags or 257 not in tags or not (273 in tags or 324 in tags):
        return None
    if 0xBC01 in tags:
        return "a JPEG XR picture"
    bits, kinds, photometric = tags.get(258, (1,)), tags.get(339, (1,)), tags.get(262, 0)
    compression = tags.get(259, 1)
    key = (tags.prefix, photometric, tuple(sorted(set(kinds))), tags.get(266, 1), tuple(bits))
    is_known = key in {entry[:5] for entry in TiffImagePlugin.OPEN_INFO}
    is_read = compression in _PLAIN_COMPRESSIONS or (compression == 7 and max(bits) == 8)
    if is_known and is_read:
        return None
    sort = [f"{max(bits)}-bit"]
    sort += ["float"] if 3 in kinds else ["complex"] if {5, 6} & set(kinds) else []
    sort += [_TIFF_COLOURS[photometric]] if photometric in _TIFF_COLOURS else []
    how = "" if is_read else _TIFF_COMPRESSIONS.get(compression, f"compression {compression}")
    stored = f", stored as {how}" if how else ""
    return f"a TIFF of {tags.get(277, 1)} {' '.join(sort)} samples a pixel{stored}"


def _jpeg_2000(data: bytes) -> str | None:
    where = data.index(_SIZ) + 2
    [count] = struct.unpack_from(">H", data, where + 38)
    bits = max((data[where + 40 + 3 * index] & 0x7F) + 1 for index in range(count))
    if 1 <= count <= _MOST_COMPONENTS and bits <= _MOST_BITS:
        return None
    return f"a JPEG 2000 of {count} components of {bits} bits"


def _heif(data: bytes) -> str | None:
    end = data.find(b"mdat")
    head = data if end < 0 else data[:end]
    kinds = [kind for kind in _HEIF_CODECS if b"\0\0" + kind in head and b"infe" in head]
    names = [_HEIF_CODECS[kind] for kind in kinds]
    return f"a HEIF picture stored as {names[0]}" if names and all(names) else None

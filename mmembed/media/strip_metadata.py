"""Removes metadata from image files: broken metadata is no reason to refuse a sound picture."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator

from PIL import PngImagePlugin

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_NEEDED = {b"tRNS", b"iCCP", b"eXIf"}
_PNG_TEXTS = {b"zTXt", b"tEXt", b"iTXt"}
_PNG_NEEDED_TEXTS = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
"""Keywords of texts that may hold an orientation."""


def stripped(data: bytes) -> Iterator[bytes]:
    """Copies of the file with less and less metadata. The first lacks everything that is broken or
    not needed to show the pixels as they are meant. The last holds the pixels alone. Yields nothing
    for unknown formats."""
    strip = _strip_of(data)
    if strip is None:
        return
    tried = [data]
    for bare in (False, True):
        try:
            less = strip(data, bare)
        except (struct.error, IndexError, ValueError):
            return  # not even its parts can be told apart
        if less not in tried:
            tried.append(less)
            yield less


def _strip_of(data: bytes) -> Callable[[bytes, bool], bytes] | None:
    if data.startswith(PNG_SIGNATURE):
        return _png
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _gif
    if data.startswith((b"II*\0", b"MM\0*")):
        return _tiff
    if data[4:8] == b"ftyp":
        return _heif
    return None


# -- PNG: chunks of length, name, content, checksum ----------------------------------


def _png(data: bytes, bare: bool) -> bytes:
    reader = PngImagePlugin.PngStream(io.BytesIO(data))
    parts = [PNG_SIGNATURE]
    start = len(PNG_SIGNATURE)
    while start + 8 <= len(data):
        length, kind = struct.unpack_from(">L4s", data, start)
        end = start + 12 + length
        whole, start = data[start:end], end
        if kind == b"IEND":
            break
        if kind == b"IHDR":
            reader.fp = io.BytesIO(whole[8:])
            reader.call(kind, 0, length)
        if _is_critical(kind) or (not bare and _is_sound(reader, kind, whole)):
            parts.append(whole)
    if len(parts[-1]) >= 8 and parts[-1][4:8] == b"IDAT" and start > len(data):
        return b"".join(parts)  # cut short within the pixels
    return b"".join([*parts, b"\0\0\0\0IEND\xaeB`\x82"])


def _is_critical(kind: bytes) -> bool:
    return kind.isalpha() and kind[:1].isupper()


def _is_sound(reader: PngImagePlugin.PngStream, kind: bytes, chunk: bytes) -> bool:
    """Whether an ancillary chunk is needed and Pillow can read it."""
    content = chunk[8:-4]
    if kind not in _PNG_NEEDED and not (
        kind in _PNG_TEXTS and content.startswith(_PNG_NEEDED_TEXTS)
    ):
        return False
    if len(chunk) < 12 or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
        return False
    alone = PngImagePlugin.PngStream(io.BytesIO(content))
    alone.im_mode = reader.im_mode
    try:
        alone.call(kind, 0, len(content))
    except Exception:
        return False
    return kind != b"iCCP" or bool(alone.im_info.get("icc_profile"))


# -- JPEG: segments of marker, length, content ---------------------------------------

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_APP0, _APP15, _ADOBE = 0xE0, 0xEF, 0xEE
_JPEG_NEEDED = ((b"Exif\0\0", 14), (b"http://ns.adobe.com/xap/1.0/\0", 30), (b"ICC_PROFILE\0", 15))
"""The first bytes of the segments with orientation and colours, and their least length."""
_SHORTEST_ADOBE = 12


def _jpeg(data: bytes, bare: bool) -> bytes:
    parts = [data[:2]]
    start = 2
    while start + 4 <= len(data):
        if data[start] != 0xFF:
            start += 1  # junk, which decoders skip
            continue
        marker = data[start + 1]
        if marker == 0xFF:
            start += 1
            continue
        if marker == _SOS:
            return b"".join([*parts, data[start:]])
        if marker in (0x00, 0x01) or 0xD0 <= marker <= _EOI:
            start += 2
            continue
        length = int.from_bytes(data[start + 2 : start + 4], "big")
        segment, start = data[start : start + 2 + length], start + 2 + length
        if length >= 2 and _is_wanted(marker, segment[4:], bare):
            parts.append(segment)
    raise ValueError("there is no picture")


def _is_wanted(marker: int, content: bytes, bare: bool) -> bool:
    if marker == _ADOBE and content.startswith(b"Adobe"):
        return len(content) >= _SHORTEST_ADOBE  # says how the colours are stored
    if _APP0 <= marker <= _APP15:
        return not bare and any(
            content.startswith(name) and len(content) >= least for name, least in _JPEG_NEEDED
        )
    return marker != _COM


# -- WebP: a RIFF file, chunks of name, length, content ------------------------------

_WEBP_PICTURE = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"}
_WEBP_METADATA = {b"ICCP": 0x20, b"EXIF": 0x08, b"XMP ": 0x04}
"""With the flag of each in VP8X."""


def _webp(data: bytes, bare: bool) -> bytes:
    chunks: dict[int, tuple[bytes, bytes]] = {}
    start = 12
    while start + 8 <= len(data):
        kind, length = struct.unpack_from("<4sL", data, start)
        content = data[start + 8 : start + 8 + length]
        keep = kind in _WEBP_PICTURE or (not bare and kind in (b"ICCP", b"EXIF"))
        if keep and (len(content) == length or kind in _WEBP_PICTURE):
            chunks[start] = kind, content
        start += 8 + length + length % 2
    kept = {kind for kind, _ in chunks.values()}
    gone = sum(flag for kind, flag in _WEBP_METADATA.items() if kind not in kept)
    body = b"".join(_webp_chunk(kind, content, gone) for kind, content in chunks.values())
    return b"RIFF" + struct.pack("<L", 4 + len(body)) + b"WEBP" + body


def _webp_chunk(kind: bytes, content: bytes, gone: int) -> bytes:
    if kind == b"VP8X" and content:
        content = bytes([content[0] & ~gone & 0xFF]) + content[1:]
    return kind + struct.pack("<L", len(content)) + content + b"\0" * (len(content) % 2)


# -- GIF: blocks, of which extensions begin with ! ------------------------------------

_GIF_CONTROL = 0xF9


def _gif(data: bytes, bare: bool) -> bytes:
    """The first picture, with the block that names its transparent colour."""
    start = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    parts = [data[:start]]
    while data[start] == ord("!"):
        kind, begin = data[start + 1], start
        start += 2
        while data[start]:
            start += 1 + data[start]
        start += 1
        if kind == _GIF_CONTROL and data[begin + 2] == 4 and start - begin == 8:
            parts.append(data[begin:start])
    return b"".join([*parts, data[start:]])


# -- TIFF: a directory of tags --------------------------------------------------------

_TIFF_NEEDED = {
    *range(256, 260), 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325,
    332, 338, 339, 347, 529, 530, 531, 532,
}  # fmt: skip
_TIFF_ICC, _TIFF_XMP = 34675, 700


def _tiff(data: bytes, bare: bool) -> bytes:
    """Only the first picture, and only the tags that say how it is stored."""
    order = "<" if data[:2] == b"II" else ">"
    [where] = struct.unpack_from(f"{order}L", data, 4)
    [count] = struct.unpack_from(f"{order}H", data, where)
    needed = _TIFF_NEEDED if bare else _TIFF_NEEDED | {_TIFF_ICC, _TIFF_XMP}
    entries = []
    for index in range(count):
        entry = data[where + 2 + 12 * index : where + 14 + 12 * index]
        if len(entry) == 12 and struct.unpack(f"{order}H", entry[:2])[0] in needed:
            entries.append(entry)
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    return b"".join([data[:where], directory, data[where + len(directory) :]])


# -- HEIF and AVIF: boxes ---------------------------------------------------------------


def _heif(data: bytes, bare: bool) -> bytes:
    """Metadata are items of their own; under another type no reader finds them."""
    end = data.find(b"mdat")
    head = data if end < 0 else data[:end]
    for kind in (b"Exif", b"mime"):
        head = head.replace(b"\0\0" + kind, b"\0\0none")
    return head + data[len(head) :]

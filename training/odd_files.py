"""Make `fixtures/odd`: pictures and non-pictures that a careless decoder gets wrong."""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from .icc import wide_gamut_profile
from .scenes import draw_scene, pixels, sample_scene

WIDTH, HEIGHT = 320, 240
BOMB_SIDE = 30_000
_EXIF_ORIENTATION = 0x0112
# Equal steps for all frequencies: turned blocks then round the same way as upright ones.
_FLAT_TABLES = [[2] * 64, [2] * 64]

_TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}

NAMES = {
    "cafe\u0301-de\u0301ja\u0300-vu.jpg": "name with combining accents (decomposed Unicode)",
    "\N{FOX FACE} in the \N{EVERGREEN TREE}\N{EVERGREEN TREE}.jpg": "name with emoji",
    "\u0635\u0648\u0631\u0629-\u05ea\u05de\u05d5\u05e0\u05d4.jpg":
        "name in Arabic and Hebrew, written right to left",
    "  two  spaces, a 'quote' & 100% # signs.jpg": "name with spaces and signs special to shells "
        "and addresses",
    f"{'very-long-name-' * 12}end.jpg": "name of 187 characters",
}  # fmt: skip


def picture(seed: int = 3, subject: str = "bicycle") -> Image.Image:
    """A small scene that looks different from every side."""
    scene = dataclasses.replace(
        sample_scene(seed, subject=subject), aspect=WIDTH / HEIGHT, style="poster", hour="noon",
        setting="beach", weather="sun", count=1, companion="", relation="", colour="red", size="",
    )  # fmt: skip
    return Image.fromarray(pixels(draw_scene(scene, HEIGHT)))


def _write_orientations(folder: Path) -> dict[str, str]:
    upright = picture()
    lines = {}
    for tag, turn in _TURNED.items():
        stored = upright if turn is None else upright.transpose(turn)
        exif = Image.Exif()
        exif[_EXIF_ORIENTATION] = tag
        name = f"orientation-{tag}.jpg"
        stored.save(folder / name, exif=exif, subsampling=0, qtables=_FLAT_TABLES)
        lines[name] = f"EXIF orientation {tag}; upright, all eight are the same picture"
    return lines


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, depth: int, colour: int, packed: bytes) -> bytes:
    """A PNG of already compressed rows; `colour` is PNG's colour type."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", packed)
            + _png_chunk(b"IEND", b""))  # fmt: skip


def _deep_png(image: Image.Image) -> bytes:
    """16 bits a channel: each 8-bit value times 257."""
    samples = np.asarray(image).astype(">u2") * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    return _png(image.width, image.height, 16, 2, zlib.compress(rows, 9))


def _bomb_png() -> bytes:
    """900 million white pixels of one bit in about a hundred kilobytes."""
    packer, row = zlib.compressobj(9), b"\0" + b"\xff" * (BOMB_SIDE // 8)
    packed = b"".join(packer.compress(row) for _ in range(BOMB_SIDE)) + packer.flush()
    return _png(BOMB_SIDE, BOMB_SIDE, 1, 0, packed)


def _with_alpha() -> Image.Image:
    """A palette picture whose upper half is clear."""
    image = picture(4, "balloon").quantize(64, dither=Image.Dither.NONE)
    mask = Image.new("L", image.size, 255)
    mask.paste(0, (0, 0, WIDTH, HEIGHT // 2))
    rgba = image.convert("RGBA")
    rgba.putalpha(mask)
    return rgba.quantize(64, method=Image.Quantize.FASTOCTREE)


def _wide_gamut() -> tuple[Image.Image, bytes]:
    profile = wide_gamut_profile()
    target = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    turned = ImageCms.profileToProfile(
        picture(5, "umbrella"), ImageCms.createProfile("sRGB"), target
    )
    assert turned is not None
    return turned, profile


def _frames() -> list[Image.Image]:
    first = picture(6, "owl")
    return [first, first.transpose(Image.Transpose.FLIP_LEFT_RIGHT), Image.new("RGB", first.size)]


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _moving(kind: str) -> bytes:
    first, *rest = _frames()
    return _encoded(first, kind, save_all=True, append_images=rest, duration=200, loop=0)


def _tagged() -> bytes:
    image, profile = _wide_gamut()
    return _encoded(image, "JPEG", quality=90, icc_profile=profile)


def _heic() -> bytes:
    pillow_heif.register_heif_opener()
    return _encoded(picture(7, "duck"), "HEIF", quality=70)


def _psd() -> bytes:
    """The smallest Photoshop file: 8 by 8 grey pixels, uncompressed."""
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 1, 8, 8, 8, 1)
    return header + struct.pack(">III", 0, 0, 0) + struct.pack(">H", 0) + bytes(range(64))


_EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 100 100
newpath 50 50 40 0 360 arc fill
showpage
%%EOF
"""


def _grey() -> bytes:
    samples = np.asarray(picture(8, "cat").convert("L")).astype(np.uint16) * 257
    return _encoded(Image.fromarray(samples), "PNG")


def _jpeg(seed: int = 9, subject: str = "mushroom") -> bytes:
    return _encoded(picture(seed, subject), "JPEG", quality=85)


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "cmyk.jpg": (lambda: _encoded(picture(10, "car").convert("CMYK"), "JPEG", quality=85),
                 "four ink channels"),
    "grey-16-bit.png": (_grey, "16-bit grey"),
    "rgb-16-bit.png": (lambda: _deep_png(picture(11, "kite")), "16 bits in each of three channels"),
    "palette-alpha.png": (lambda: _encoded(_with_alpha(), "PNG", optimize=True),
                          "palette; the upper half is clear and belongs on white"),
    "animated.gif": (lambda: _moving("GIF"), "three frames; the first one counts"),
    "animated.webp": (lambda: _moving("WEBP"), "three frames; the first one counts"),
    "wide-gamut.jpg": (_tagged, "ICC profile with ProPhoto primaries: dull where it is ignored"),
    "picture.heic": (_heic, "HEIC"),
    "picture.avif": (lambda: _encoded(picture(12, "frog"), "AVIF", quality=60), "AVIF"),
    "picture.jp2": (lambda: _encoded(picture(13, "tulip"), "JPEG2000", quality_mode="rates",
                                     quality_layers=[20]), "JPEG 2000"),
    "truncated.jpg": (lambda: _jpeg()[:6000], "cut off after 6,000 bytes: refused"),
    "empty.jpg": (lambda: b"", "zero bytes: refused"),
    "text.jpg": (lambda: b"This is not a picture.\n", "plain text: refused"),
    "eps-named.jpg": (lambda: _EPS, "PostScript under a false name: refused"),
    "psd-named.jpg": (_psd, "Photoshop file under a false name: refused"),
    "bomb.png": (_bomb_png, "30,000 x 30,000 pixels in a small file: refused before decoding"),
}  # fmt: skip


def write_odd(folder: Path) -> None:
    """Write every odd file and a `README.md` with a line for each, replacing what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    lines = _write_orientations(folder)
    for name, (content, line) in FILES.items():
        (folder / name).write_bytes(content())
        lines[name] = line
    for seed, (name, line) in enumerate(NAMES.items(), start=20):
        (folder / name).write_bytes(
            _jpeg(seed, ("rabbit", "fox", "camel", "tent", "train")[seed - 20])
        )
        lines[name] = line
    table = "\n".join(f"- `{name}`: {line}" for name, line in lines.items())
    (folder / "README.md").write_text(f"# Odd files\n\n{table}\n", encoding="utf-8")

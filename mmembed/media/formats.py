"""The file formats that are opened, and the names of others for errors."""

from __future__ import annotations

import pillow_heif
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from mmembed.errors import ImageError, UnsupportedFormat
from mmembed.media.unsupported_variants import variant_of

pillow_heif.register_heif_opener()

MEDIA_TYPES = {
    JpegImagePlugin.JpegImageFile.format: "image/jpeg",
    MpoImagePlugin.MpoImageFile.format: "image/jpeg",  # a JPEG with further pictures behind it
    PngImagePlugin.PngImageFile.format: "image/png",
    WebPImagePlugin.WebPImageFile.format: "image/webp",
    GifImagePlugin.GifImageFile.format: "image/gif",
    BmpImagePlugin.BmpImageFile.format: "image/bmp",
    TiffImagePlugin.TiffImageFile.format: "image/tiff",
    AvifImagePlugin.AvifImageFile.format: "image/avif",
    Jpeg2KImagePlugin.Jpeg2KImageFile.format: "image/jp2",
    pillow_heif.HeifImageFile.format: "image/heif",
}
"""The formats that are opened: Pillow's name → media type."""

FORMATS = tuple(
    set(MEDIA_TYPES) - {MpoImagePlugin.MpoImageFile.format}
)  # the JPEG opener finds MPO
SPOKEN_FORMATS = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, HEIF"

# First bytes → name. Only formats that people meet are told apart.
_OTHER_KINDS = (
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "an EPS file"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF file"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML file"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"II\xbc\x01", "a JPEG XR file"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (b"IIRO", "a camera's raw file"),
    (b"IIRS", "a camera's raw file"),
    (b"MMOR", "a camera's raw file"),
    (b"IIU\0", "a camera's raw file"),
    (b"FOVb", "a camera's raw file"),
    (b"\0MRM", "a camera's raw file"),
    (b"\x8aMNG", "an MNG animation"),
    (b"\x8bJNG", "a JNG file"),
    (b"BPG\xfb", "a BPG file"),
    (b"FLIF", "a FLIF file"),
    (b"AT&TFORM", "a DjVu file"),
    (b"#?RADIANCE", "a Radiance HDR file"),
    (b"#?RGBE", "a Radiance HDR file"),
    (b"SIMPLE  =", "a FITS file"),
    (b"farbfeld", "a Farbfeld file"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (b"P1\n", "a Netpbm file"),
    (b"P2\n", "a Netpbm file"),
    (b"P3\n", "a Netpbm file"),
    (b"P4\n", "a Netpbm file"),
    (b"P5\n", "a Netpbm file"),
    (b"P6\n", "a Netpbm file"),
    (b"P7\n", "a Netpbm file"),
    (b"\xff\x0a", "a JPEG XL file"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL file"),
    (b"\0\0\1\0", "an icon file"),
    (b"icns", "an icon file"),
    (b"qoif", "a QOI file"),
    (b"DDS ", "a DDS texture"),
    (b"gimp xcf", "a GIMP file"),
    (b"\x76\x2f\x31\x01", "an OpenEXR file"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"PK\3\4", "a ZIP archive"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
_OUR_KINDS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
)


def media_type(image_format: str) -> str:
    """`JPEG` → `image/jpeg`; a format that we do not open → `application/octet-stream`."""
    return MEDIA_TYPES.get(image_format, "application/octet-stream")


def unread_variant(data: bytes, name: str) -> ImageError | None:
    """The error for a sound file of a variant that is not read here; None for others."""
    variant = variant_of(data)
    if variant is None:
        return None
    return UnsupportedFormat(name, f"{variant}, which is not read here; convert it")


def unidentified(data: bytes, name: str) -> ImageError:
    """The error for bytes that no opener recognised: broken, or of another kind."""
    ours = [kind for magic, kind in _OUR_KINDS if data.startswith(magic)]
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        ours = ["HEIF"]
    if data[8:12] == b"WEBP":
        ours = ["WebP"]
    if ours:
        return ImageError(name, f"the {ours[0]} data is broken or incomplete")
    return UnsupportedFormat(name, f"{_kind(data)}; expected one of {SPOKEN_FORMATS}")


def _kind(data: bytes) -> str:
    head = data[:4096].removeprefix(b"\xef\xbb\xbf")
    head = head.lstrip() if head[:1].isspace() else head
    if head.startswith((b"<?xml", b"<!--", b"<!DOCTYPE svg")) and b"<svg" in head:
        return "an SVG drawing"
    if data[128:132] == b"DICM":
        return "a DICOM file"
    if head[4:12] == b"ftypcrx ":
        return "a camera's raw file"
    for magic, kind in _OTHER_KINDS:
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        return "a video"
    is_text = all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)
    return "a text file" if is_text else "an unknown kind of file"

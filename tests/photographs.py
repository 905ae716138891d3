"""Pictures that have the structure of photographs, made in code, and copies of them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

from mmembed.media.decode import decode
from mmembed.media.perceptual_hash import hash_of


def photograph(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Soft shapes in random colours; another seed, another picture."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", size)
    for cells in (3, 6, 12):
        noise = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        layer = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
        image = Image.blend(image, layer, 0.5)
    return ImageOps.autocontrast(image)


def jpeg(image: Image.Image, quality: int = 90, exif: Image.Exif | None = None) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, **({} if exif is None else {"exif": exif}))
    return buffer.getvalue()


def taken_at(moment: str, camera: str = "Test 1") -> Image.Exif:
    """EXIF of a camera: `2024:05:01 10:00:00`."""
    exif = Image.Exif()
    exif[0x0110] = camera
    exif.get_ifd(0x8769)[0x9003] = moment
    return exif


def copies(image: Image.Image) -> dict[str, Image.Image]:
    """The same shot in other forms."""
    width, height = image.size
    return {
        "smaller": image.resize((width // 2, height // 2)),
        "larger": image.resize((width * 2, height * 2)),
        "mirrored": ImageOps.mirror(image),
        "brighter": image.point(lambda level: min(255, round(level * 1.2))),
        "cropped": image.crop((6, 4, width - 6, height - 4)),
    }


def hash_of_image(image: Image.Image, quality: int = 90) -> bytes:
    """The hashes of a picture that went through a file."""
    return hash_of(decode(jpeg(image, quality)))

"""What happens to training pictures: small crops, shifts of tone, blur and noise."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from .model import IMAGE_SIZE, MEAN, STD

_MEAN = torch.tensor(MEAN).view(1, 3, 1, 1)
_STD = torch.tensor(STD).view(1, 3, 1, 1)


def shrunk(images: Tensor) -> Tensor:
    """Evaluation input: the whole square picture at the model's size, normalised."""
    small = functional.interpolate(
        images.permute(0, 3, 1, 2).float() / 255,
        (IMAGE_SIZE, IMAGE_SIZE),
        mode="bicubic",
        antialias=True,
    )
    return (small.clamp(0, 1) - _MEAN) / _STD


def _between(generator: torch.Generator, count: int, low: float, high: float) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _cropped(images: Tensor, mirrored: Tensor, generator: torch.Generator) -> Tensor:
    """A random crop of 82 to 100 % of the side, stretched a little, perhaps mirrored."""
    count = len(images)
    zoom = _between(generator, count, 0.82, 1.0)
    stretch = _between(generator, count, 0.95, 1.05)
    flip = (torch.rand(count, generator=generator) < 0.5) & mirrored
    wide, high = (zoom * stretch).clamp(max=1.0), (zoom / stretch).clamp(max=1.0)
    maps = torch.zeros(count, 2, 3)
    maps[:, 0, 0] = torch.where(flip, -wide, wide)
    maps[:, 1, 1] = high
    maps[:, 0, 2] = (1 - wide) * _between(generator, count, -1, 1)
    maps[:, 1, 2] = (1 - high) * _between(generator, count, -1, 1)
    size = [count, 3, IMAGE_SIZE, IMAGE_SIZE]
    grid = functional.affine_grid(maps, size, align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _tones(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Factor and offset for small changes of brightness, contrast and warmth, normalised.

    Colour words must stay true, so the changes are mild.
    """
    gain = _between(generator, count * 3, 0.94, 1.06).view(count, 3, 1, 1)
    gain = gain * _between(generator, count, 0.85, 1.12).view(count, 1, 1, 1)
    contrast = _between(generator, count, 0.85, 1.15).view(count, 1, 1, 1)
    return contrast * gain / _STD, (0.5 * (1 - contrast) * gain - _MEAN) / _STD


def _roughen(images: Tensor, generator: torch.Generator) -> None:
    """Blur some pictures, as small or badly scaled ones are, and put noise on some others."""
    count = len(images)
    order = torch.randperm(count, generator=generator)
    blurred, noisy = order[: count // 5], order[count // 5 : count // 5 * 2]
    padded = functional.pad(images[blurred], (1, 1, 1, 1), mode="reflect")
    images[blurred] = functional.avg_pool2d(padded, 3, stride=1)
    part = images[noisy]
    images[noisy] = part + torch.randn(part.shape, generator=generator) * 0.02


def augmented(images: Tensor, mirrored: Tensor, generator: torch.Generator) -> Tensor:
    """uint8 (n, side, side, 3) to float32 (n, 3, IMAGE_SIZE, IMAGE_SIZE), normalised.

    `mirrored` is bool (n,): which pictures may be flipped.
    """
    pictures = _cropped(images.permute(0, 3, 1, 2).float() / 255, mirrored, generator)
    _roughen(pictures, generator)
    factor, offset = _tones(len(pictures), generator)
    return pictures.mul_(factor).add_(offset)

"""What happens to training pictures: crops, shifts of tone, blur and noise."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from .model import MEAN, STD

_MEAN = torch.tensor(MEAN).view(1, 3, 1, 1)
_STD = torch.tensor(STD).view(1, 3, 1, 1)


def shrunk(images: Tensor, side: int) -> Tensor:
    """Evaluation input: the whole square picture at the model's size, normalised."""
    small = functional.interpolate(
        images.permute(0, 3, 1, 2).float() / 255, (side, side), mode="bicubic", antialias=True
    )
    return (small.clamp(0, 1) - _MEAN) / _STD


def _between(generator: torch.Generator, count: int, low: float, high: float) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def random_boxes(count: int, zoom: float, stretch: float, generator: torch.Generator) -> Tensor:
    """Crops whose sides are `zoom` to 1 of the picture's, stretched by up to `stretch`.

    float32 (n, 4): left, top, right, bottom as shares of the side.
    """
    shrink = _between(generator, count, zoom, 1.0)
    wider = torch.exp(_between(generator, count, -stretch, stretch))
    wide, high = (shrink * wider).clamp(max=1.0), (shrink / wider).clamp(max=1.0)
    left = (1 - wide) * torch.rand(count, generator=generator)
    top = (1 - high) * torch.rand(count, generator=generator)
    return torch.stack((left, top, left + wide, top + high), 1)


def cropped(images: Tensor, boxes: Tensor, flip: Tensor, side: int) -> Tensor:
    """uint8 (n, s, s, 3), boxes float32 (n, 4), flip bool (n,) to float32 (n, 3, side, side).

    Values are from 0 to 1.
    """
    left, top, right, bottom = boxes.unbind(1)
    maps = torch.zeros(len(boxes), 2, 3)
    maps[:, 0, 0] = torch.where(flip, left - right, right - left)
    maps[:, 1, 1] = bottom - top
    maps[:, 0, 2] = left + right - 1
    maps[:, 1, 2] = top + bottom - 1
    grid = functional.affine_grid(maps, [len(boxes), 3, side, side], align_corners=False)
    pictures = images.permute(0, 3, 1, 2).float()
    return functional.grid_sample(
        pictures, grid, padding_mode="reflection", align_corners=False
    ).div_(255)


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
    blurred, noisy = order[: count // 8], order[count // 8 : count // 4]
    padded = functional.pad(images[blurred], (1, 1, 1, 1), mode="reflect")
    images[blurred] = functional.avg_pool2d(padded, 3, stride=1)
    part = images[noisy]
    images[noisy] = part + torch.randn(part.shape, generator=generator) * 0.02


def roughened(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """float32 (n, 3, side, side) from 0 to 1, changed in tone, some blurred, normalised."""
    _roughen(pictures, generator)
    factor, offset = _tones(len(pictures), generator)
    return pictures.mul_(factor).add_(offset)

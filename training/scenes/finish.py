"""What happens to a finished picture: paper, grain, bloom, pixels.

Each function takes the surface and a seed and returns an image of the same size.
"""

from __future__ import annotations

import skia

_TO_GREY = [0.3, 0.59, 0.11, 0, 0, 0.3, 0.59, 0.11, 0, 0, 0.3, 0.59, 0.11, 0, 0, 0, 0, 0, 1, 0]


def _noise(frequency: float, octaves: int, seed: int, alpha: float) -> skia.Paint:
    shader = skia.PerlinNoiseShader.MakeFractalNoise(frequency, frequency, octaves, seed % 997)
    grey_of_red = [1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, alpha]
    return skia.Paint(Shader=shader, ColorFilter=skia.ColorFilters.Matrix(grey_of_red))


def _grained(
    surface: skia.Surface, seed: int, frequency: float, alpha: float, mode: skia.BlendMode
) -> skia.Image:
    """Lay grey noise over the picture; `frequency` is in cycles per hundredth of its height."""
    paint = _noise(frequency * 100 / surface.height(), 2, seed, alpha)
    paint.setBlendMode(mode)
    surface.getCanvas().drawPaint(paint)
    return surface.makeImageSnapshot()


def _redrawn(surface: skia.Surface, effect: skia.ImageFilter) -> skia.Surface:
    result = skia.Surface(surface.width(), surface.height())
    result.getCanvas().drawImage(
        surface.makeImageSnapshot(), 0, 0, skia.SamplingOptions(), skia.Paint(ImageFilter=effect)
    )
    return result


def plain(surface: skia.Surface, seed: int) -> skia.Image:
    return surface.makeImageSnapshot()


def grain(surface: skia.Surface, seed: int) -> skia.Image:
    return _grained(surface, seed, 2.2, 0.32, skia.BlendMode.kSoftLight)


def chalk(surface: skia.Surface, seed: int) -> skia.Image:
    return _grained(surface, seed, 1.8, 0.5, skia.BlendMode.kSoftLight)


def rough_paper(surface: skia.Surface, seed: int) -> skia.Image:
    return _grained(surface, seed, 1.2, 0.35, skia.BlendMode.kSoftLight)


def wet_paper(surface: skia.Surface, seed: int) -> skia.Image:
    """Washes run along the grain of the paper, and the border stays unpainted."""
    height = surface.height()
    shader = skia.PerlinNoiseShader.MakeFractalNoise(5.0 / height, 5.0 / height, 3, seed % 997)
    wobble = skia.ImageFilters.DisplacementMap(
        skia.ColorChannel.kR,
        skia.ColorChannel.kG,
        height * 0.045,
        skia.ImageFilters.Image(_shaded(surface, shader)),
        skia.ImageFilters.Image(surface.makeImageSnapshot()),
    )
    wet = _redrawn(surface, wobble)
    _paper_border(wet)
    return _grained(wet, seed, 1.4, 0.5, skia.BlendMode.kSoftLight)


def _shaded(surface: skia.Surface, shader: skia.Shader) -> skia.Image:
    sheet = skia.Surface(surface.width(), surface.height())
    sheet.getCanvas().drawPaint(skia.Paint(Shader=shader))
    return sheet.makeImageSnapshot()


def _paper_border(surface: skia.Surface) -> None:
    width, height = surface.width(), surface.height()
    edge = min(width, height) * 0.05
    paint = skia.Paint(
        Color=skia.Color(247, 242, 230),
        AntiAlias=True,
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=edge,
        PathEffect=skia.DiscretePathEffect.Make(edge * 0.5, edge * 0.28, 3),
    )
    surface.getCanvas().drawRect(skia.Rect.MakeWH(width, height), paint)


def sketch(surface: skia.Surface, seed: int) -> skia.Image:
    grey = _redrawn(surface, skia.ImageFilters.ColorFilter(skia.ColorFilters.Matrix(_TO_GREY)))
    return _grained(grey, seed, 2.6, 0.5, skia.BlendMode.kSoftLight)


def bloom(surface: skia.Surface, seed: int) -> skia.Image:
    """Bright tubes light up the air around them."""
    image, radius = surface.makeImageSnapshot(), surface.height() * 0.02
    paint = skia.Paint(ImageFilter=skia.ImageFilters.Blur(radius, radius))
    paint.setBlendMode(skia.BlendMode.kScreen)
    paint.setAlphaf(0.7)
    surface.getCanvas().drawImage(image, 0, 0, skia.SamplingOptions(), paint)
    return surface.makeImageSnapshot()


def pixels(surface: skia.Surface, seed: int) -> skia.Image:
    """About eighty rows of coarse pixels with few tones each."""
    rows = 80
    columns = max(1, round(rows * surface.width() / surface.height()))
    image = surface.makeImageSnapshot()
    linear = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
    small = skia.Surface(columns, rows)
    table = [min(255, round(value / 36) * 36) for value in range(256)]
    coarse = skia.Paint(ColorFilter=skia.TableColorFilter.MakeARGB(None, table, table, table))
    small.getCanvas().drawImageRect(image, skia.Rect.MakeWH(columns, rows), linear, coarse)
    large = skia.Surface(surface.width(), surface.height())
    large.getCanvas().drawImageRect(
        small.makeImageSnapshot(),
        skia.Rect.MakeWH(surface.width(), surface.height()),
        skia.SamplingOptions(skia.FilterMode.kNearest),
    )
    return large.makeImageSnapshot()

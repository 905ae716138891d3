"""Styles: how a brush paints shapes and lines, and what happens to the finished picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import skia

from . import finish
from .brush import Brush, PaintLine, PaintShape
from .colour import INK, Colour, argb, darken, lighten, luminance, mix

PAPER: Colour = (0.97, 0.95, 0.90)


def _unchanged(colour: Colour) -> Colour:
    return colour


@dataclass(frozen=True)
class Style:
    """`words` name the style in captions; `keeps_colour` is false for grey pictures."""

    name: str
    words: tuple[str, ...]
    shape: PaintShape
    line: PaintLine
    finish: Callable[[skia.Surface, int], skia.Image]
    tone: Callable[[Colour], Colour] = _unchanged
    keeps_colour: bool = True


def _gradient(path: skia.Path, first: Colour, last: Colour, alpha: float = 1.0) -> skia.Paint:
    """A paint that runs from the lit upper left of `path` to its lower right."""
    box = path.getBounds()
    ends = [(box.left(), box.top()), (box.left() + box.width() * 0.45, box.bottom())]
    shader = skia.GradientShader.MakeLinear(ends, [argb(first, alpha), argb(last, alpha)])
    return skia.Paint(Shader=shader, AntiAlias=True)


def _stroke(colour: Colour, width: float, alpha: float = 1.0) -> skia.Paint:
    return skia.Paint(
        Color=argb(colour, alpha),
        AntiAlias=True,
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=width,
        StrokeCap=skia.Paint.kRound_Cap,
        StrokeJoin=skia.Paint.kRound_Join,
    )


def painted_shape(brush: Brush, path: skia.Path, colour: Colour) -> None:
    brush.canvas.drawPath(path, _gradient(path, lighten(colour, 0.22), darken(colour, 0.22)))
    rim = _stroke(darken(colour, 0.5), 0.35 * brush.unit, 0.5)
    brush.canvas.drawPath(path, rim)


def painted_line(brush: Brush, path: skia.Path, colour: Colour, width: float) -> None:
    brush.canvas.drawPath(path, _stroke(darken(colour, 0.32), width))
    brush.canvas.drawPath(path, _stroke(colour, width * 0.72))


def poster_shape(brush: Brush, path: skia.Path, colour: Colour) -> None:
    """Two flat tones: the far side of everything lies in shadow."""
    box = path.getBounds()
    ends = [(box.left(), box.top()), (box.right(), box.bottom())]
    light, dark = argb(lighten(colour, 0.06)), argb(darken(colour, 0.2))
    shader = skia.GradientShader.MakeLinear(ends, [light, light, dark, dark], [0, 0.6, 0.6, 1])
    brush.canvas.drawPath(path, skia.Paint(Shader=shader, AntiAlias=True))


def poster_line(brush: Brush, path: skia.Path, colour: Colour, width: float) -> None:
    brush.canvas.drawPath(path, _stroke(colour, width))


def watercolour_shape(brush: Brush, path: skia.Path, colour: Colour) -> None:
    """Pigment pools at the rim of a wash and thins out in its middle."""
    base = mix(colour, PAPER, 0.25)
    brush.canvas.drawPath(path, skia.Paint(Color=argb(mix(colour, PAPER, 0.4)), AntiAlias=True))
    brush.canvas.drawPath(path, _gradient(path, lighten(base, 0.35), darken(base, 0.08), 0.85))
    brush.canvas.drawPath(path, _stroke(darken(colour, 0.25), 0.8 * brush.unit, 0.35))


def watercolour_line(brush: Brush, path: skia.Path, colour: Colour, width: float) -> None:
    brush.canvas.drawPath(path, _stroke(mix(colour, PAPER, 0.2), width, 0.9))


def pencil_shape(brush: Brush, path: skia.Path, colour: Colour) -> None:
    grey = 0.62 + 0.36 * luminance(colour)
    light, dark = min(1.0, grey + 0.12), grey - 0.1
    brush.canvas.drawPath(path, _gradient(path, (light,) * 3, (dark,) * 3))
    for index in range(2):
        line = _stroke((0.2, 0.2, 0.22), 0.45 * brush.unit, 0.85 - 0.35 * index)
        line.setPathEffect(
            skia.DiscretePathEffect.Make(5 * brush.unit, 0.5 * brush.unit, 7 + index * 31)
        )
        brush.canvas.drawPath(path, line)


def pencil_line(brush: Brush, path: skia.Path, colour: Colour, width: float) -> None:
    grey = 0.25 + 0.5 * luminance(colour)
    brush.canvas.drawPath(path, _stroke((0.2, 0.2, 0.22), width))
    if width > 1.2 * brush.unit:
        brush.canvas.drawPath(path, _stroke((grey + 0.2,) * 3, width - 0.9 * brush.unit))


def cartoon_shape(brush: Brush, path: skia.Path, colour: Colour) -> None:
    poster_shape(brush, path, mix(colour, lighten(colour, 0.15), 0.5))
    brush.canvas.drawPath(path, _stroke(INK, 0.9 * brush.unit))


def cartoon_line(brush: Brush, path: skia.Path, colour: Colour, width: float) -> None:
    brush.canvas.drawPath(path, _stroke(INK, width + 1.2 * brush.unit))
    brush.canvas.drawPath(path, _stroke(colour, width))


def _neon_tone(colour: Colour) -> Colour:
    """The colour at the brightness of a glowing tube; black things glow grey-blue."""
    strongest = max(colour)
    if strongest < 0.35:
        return (0.45, 0.5, 0.75)
    bright = tuple((channel / strongest) ** 1.5 for channel in colour)
    return (bright[0], bright[1], bright[2])


def neon_shape(brush: Brush, path: skia.Path, colour: Colour) -> None:
    tone = _neon_tone(colour)
    inside = mix((0.03, 0.02, 0.09), tone, 0.16)
    brush.canvas.drawPath(path, skia.Paint(Color=argb(inside), AntiAlias=True))
    neon_line(brush, path, colour, 0.9 * brush.unit)


def neon_line(brush: Brush, path: skia.Path, colour: Colour, width: float) -> None:
    tone, width = _neon_tone(colour), min(width, 1.4 * brush.unit)
    brush.canvas.drawPath(path, _stroke(tone, width * 4.5, 0.13))
    brush.canvas.drawPath(path, _stroke(tone, width * 2.3, 0.3))
    brush.canvas.drawPath(path, _stroke(lighten(tone, 0.35), width))


def _cast(brush: Brush, path: skia.Path, paint: skia.Paint) -> None:
    """The shadow that a sheet of paper throws on the sheet below."""
    paint.setColor(argb((0.05, 0.04, 0.1), 0.42))
    paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 0.9 * brush.unit))
    brush.canvas.save()
    brush.canvas.translate(0.7 * brush.unit, 1.1 * brush.unit)
    brush.canvas.drawPath(path, paint)
    brush.canvas.restore()


def papercut_shape(brush: Brush, path: skia.Path, colour: Colour) -> None:
    _cast(brush, path, skia.Paint(AntiAlias=True))
    brush.canvas.drawPath(path, skia.Paint(Color=argb(mix(colour, PAPER, 0.1)), AntiAlias=True))
    brush.canvas.drawPath(path, _stroke(lighten(colour, 0.5), 0.3 * brush.unit, 0.8))


def papercut_line(brush: Brush, path: skia.Path, colour: Colour, width: float) -> None:
    _cast(brush, path, _stroke(colour, width))
    brush.canvas.drawPath(path, _stroke(mix(colour, PAPER, 0.1), width))


def pastel_shape(brush: Brush, path: skia.Path, colour: Colour) -> None:
    soft = mix(colour, (1.0, 0.96, 0.93), 0.38)
    brush.canvas.drawPath(path, _gradient(path, lighten(soft, 0.25), mix(soft, colour, 0.35)))


def pastel_line(brush: Brush, path: skia.Path, colour: Colour, width: float) -> None:
    brush.canvas.drawPath(path, _stroke(mix(colour, (1.0, 0.96, 0.93), 0.3), width))


def _washed(colour: Colour) -> Colour:
    return mix(colour, PAPER, 0.35)


def _grey(colour: Colour) -> Colour:
    return (0.5 + 0.47 * luminance(colour),) * 3


def _dim(colour: Colour) -> Colour:
    return mix((0.03, 0.02, 0.09), colour, 0.13)


def _soft(colour: Colour) -> Colour:
    return mix(colour, (1.0, 0.96, 0.93), 0.35)


_ALL = (
    Style("painted", ("painting", "illustration", "picture"), painted_shape, painted_line,
          finish.grain),
    Style("poster", ("flat poster", "flat illustration", "poster"), poster_shape, poster_line,
          finish.plain),
    Style("watercolour", ("watercolour", "watercolor painting", "watercolour painting"),
          watercolour_shape, watercolour_line, finish.wet_paper, _washed),
    Style("pencil", ("pencil drawing", "pencil sketch", "black and white drawing"),
          pencil_shape, pencil_line, finish.sketch, _grey, keeps_colour=False),
    Style("cartoon", ("cartoon", "comic drawing", "cartoon drawing"), cartoon_shape,
          cartoon_line, finish.plain),
    Style("neon", ("neon sign", "neon drawing", "neon picture"), neon_shape, neon_line,
          finish.bloom, _dim),
    Style("papercut", ("paper cut", "paper collage", "paper cut-out"), papercut_shape,
          papercut_line, finish.rough_paper),
    Style("pixel", ("pixel art picture", "pixel art image", "8-bit picture"), cartoon_shape,
          cartoon_line, finish.pixels),
    Style("pastel", ("pastel drawing", "soft pastel picture", "chalk drawing"), pastel_shape,
          pastel_line, finish.chalk, _soft),
)  # fmt: skip

STYLES: dict[str, Style] = {style.name: style for style in _ALL}

"""A brush: simple shapes on a skia canvas, painted in the manner of a style."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import skia

from .colour import WHITE, Colour, argb

Point = tuple[float, float]
PaintShape = Callable[["Brush", skia.Path, Colour], None]
PaintLine = Callable[["Brush", skia.Path, Colour, float], None]


def smooth(points: Sequence[Point], closed: bool) -> skia.Path:
    """The Catmull-Rom curve through `points`."""
    path, count = skia.Path(), len(points)
    path.moveTo(*points[0])
    for index in range(count if closed else count - 1):
        if closed:
            before, start = points[index - 1], points[index]
            end, after = points[(index + 1) % count], points[(index + 2) % count]
        else:
            before, start = points[max(index - 1, 0)], points[index]
            end, after = points[index + 1], points[min(index + 2, count - 1)]
        path.cubicTo(
            start[0] + (end[0] - before[0]) / 6,
            start[1] + (end[1] - before[1]) / 6,
            end[0] - (after[0] - start[0]) / 6,
            end[1] - (after[1] - start[1]) / 6,
            *end,
        )
    if closed:
        path.close()
    return path


def polygon(points: Sequence[Point]) -> skia.Path:
    path = skia.Path()
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    path.close()
    return path


class Brush:
    """Draws on `canvas`; `paint_shape` and `paint_line` decide how (see styles.py).

    Subjects draw in a box of 100 units: x from -50 to 50, y from -100 (top) to 0 (ground).
    """

    def __init__(
        self,
        canvas: skia.Canvas,
        rng: random.Random,
        paint_shape: PaintShape,
        paint_line: PaintLine,
        tone: Callable[[Colour], Colour],
    ) -> None:
        self.canvas = canvas
        self.rng = rng
        self.unit = 1.0
        self.glows: list[tuple[float, float, float, Colour, float]] = []
        self.tone = tone
        self._paint_shape = paint_shape
        self._paint_line = paint_line

    @contextmanager
    def placed(
        self, x: float, y: float, scale: float = 1.0, *, flip: bool = False, angle: float = 0.0
    ) -> Iterator[None]:
        """Draw with the origin at (x, y), `scale` times as large, turned by `angle` degrees."""
        outer = self.unit
        self.canvas.save()
        self.canvas.translate(x, y)
        self.canvas.rotate(angle)
        self.canvas.scale(-scale if flip else scale, scale)
        self.unit = outer / scale
        try:
            yield
        finally:
            self.canvas.restore()
            self.unit = outer

    @contextmanager
    def inside(self, path: skia.Path) -> Iterator[None]:
        """Whatever is drawn meanwhile shows only within `path`."""
        self.canvas.save()
        self.canvas.clipPath(path, doAntiAlias=True)
        try:
            yield
        finally:
            self.canvas.restore()

    def path(self, path: skia.Path, colour: Colour) -> None:
        self._paint_shape(self, path, colour)

    def wash(self, path: skia.Path, top: Colour, bottom: Colour) -> None:
        """Fill `path` from `top` to `bottom` without an outline: skies, walls and water."""
        box = path.getBounds()
        ends = [(0, box.top()), (0, box.bottom())]
        shader = skia.GradientShader.MakeLinear(
            ends, [argb(self.tone(top)), argb(self.tone(bottom))]
        )
        self.canvas.drawPath(path, skia.Paint(Shader=shader, AntiAlias=True))

    def wash_over(self, colour: Colour, alpha: float) -> None:
        """A veil of one colour over everything so far."""
        self.canvas.drawPaint(skia.Paint(Color=argb(self.tone(colour), alpha)))

    def blob(self, points: Sequence[Point], colour: Colour) -> None:
        self.path(smooth(points, closed=True), colour)

    def poly(self, points: Sequence[Point], colour: Colour) -> None:
        self.path(polygon(points), colour)

    def oval(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, angle: float = 0.0
    ) -> None:
        self.path(oval_path(x, y, rx, ry, angle), colour)

    def dot(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A plain disc without shading or outline, for eyes and buttons."""
        self.canvas.drawCircle(x, y, radius, skia.Paint(Color=argb(colour), AntiAlias=True))

    def box(
        self, x: float, y: float, width: float, height: float, colour: Colour, radius: float = 0.0
    ) -> None:
        """A rectangle whose top left corner is (x, y), with rounded corners."""
        path = skia.Path()
        path.addRoundRect(skia.Rect.MakeXYWH(x, y, width, height), radius, radius)
        self.path(path, colour)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """A smooth stroke through `points` with round ends."""
        self._paint_line(self, smooth(points, closed=False), colour, width)

    def outline(self, path: skia.Path, colour: Colour, width: float) -> None:
        self._paint_line(self, path, colour, width)

    def straight(self, start: Point, end: Point, colour: Colour, width: float) -> None:
        self._paint_line(self, smooth((start, end), closed=False), colour, width)

    def arc(
        self,
        x: float,
        y: float,
        radius: float,
        sweep: tuple[float, float],
        colour: Colour,
        width: float,
    ) -> None:
        """Part of a circle; `sweep` is (start, extent) in degrees, clockwise from the right."""
        path = skia.Path()
        square = skia.Rect.MakeLTRB(x - radius, y - radius, x + radius, y + radius)
        path.addArc(square, *sweep)
        self._paint_line(self, path, colour, width)

    def shine(self, x: float, y: float, rx: float, ry: float, alpha: float = 0.45) -> None:
        """A soft highlight, as on glass, fruit and lacquer."""
        self.soft(x, y, rx, ry, WHITE, alpha)

    def soft(self, x: float, y: float, rx: float, ry: float, colour: Colour, alpha: float) -> None:
        """An oval that fades to nothing at its rim: shadows, haze and light."""
        shader = skia.GradientShader.MakeRadial(
            (0, 0),
            1.0,
            [argb(colour, alpha), argb(colour, alpha * 0.55), argb(colour, 0)],
            [0.0, 0.5, 1.0],
        )
        self.canvas.save()
        self.canvas.translate(x, y)
        self.canvas.scale(rx, ry)
        self.canvas.drawCircle(0, 0, 1, skia.Paint(Shader=shader, AntiAlias=True))
        self.canvas.restore()

    def shadow(self, x: float, y: float, rx: float, ry: float, alpha: float = 0.4) -> None:
        self.soft(x, y, rx, ry, (0.05, 0.05, 0.15), alpha)

    def glow(self, x: float, y: float, radius: float, colour: Colour, alpha: float = 0.8) -> None:
        """Light that shines through the evening: added after the light of the hour."""
        matrix = self.canvas.getTotalMatrix()
        where = matrix.mapXY(x, y)
        self.glows.append((where.fX, where.fY, matrix.mapRadius(radius), colour, alpha))

    def eye(self, x: float, y: float, radius: float) -> None:
        self.dot(x, y, radius, (0.08, 0.07, 0.1))
        self.dot(x - radius * 0.3, y - radius * 0.35, radius * 0.35, WHITE)

    def mark(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """A thin line that every style draws the same way: mouths, seams, strings."""
        paint = skia.Paint(
            Color=argb(colour),
            AntiAlias=True,
            Style=skia.Paint.kStroke_Style,
            StrokeWidth=width,
            StrokeCap=skia.Paint.kRound_Cap,
        )
        self.canvas.drawPath(smooth(points, closed=False), paint)


def box_path(x: float, y: float, width: float, height: float) -> skia.Path:
    return skia.Path.Rect(skia.Rect.MakeXYWH(x, y, width, height))


def oval_path(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> skia.Path:
    path = skia.Path()
    path.addOval(skia.Rect.MakeLTRB(-rx, -ry, rx, ry))
    turn = math.radians(angle)
    cosine, sine = math.cos(turn), math.sin(turn)
    path.transform(skia.Matrix.MakeAll(cosine, -sine, x, sine, cosine, y, 0, 0, 1))
    return path

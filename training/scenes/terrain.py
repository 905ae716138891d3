"""What open landscapes are made of: ridges, ground, grass, trees and ripples."""

from __future__ import annotations

import math

from . import plants
from .brush import Brush, box_path, smooth
from .colour import Colour, darken, lighten, rgb
from .sky import HEIGHT, Stage

LEAF: Colour = rgb("4a9440")


def hills(brush: Brush, stage: Stage, y: float, rise: float, colour: Colour) -> None:
    """A ridge across the picture at height `y`, undulating by `rise`."""
    start = brush.rng.uniform(0, 6)
    steps = 8
    ridge = [
        (stage.width * step / steps, y - rise * math.sin(start + step * 1.3))
        for step in range(-1, steps + 2)
    ]
    brush.path(smooth([*ridge, (stage.width + 30, 130), (-30, 130)], closed=True), colour)


def ground(brush: Brush, stage: Stage, y: float, colour: Colour) -> None:
    tone = stage.soil(colour)
    brush.wash(box_path(0, y, stage.width, HEIGHT - y), lighten(tone, 0.12), darken(tone, 0.16))


def scatter(brush: Brush, stage: Stage, y: float, colour: Colour, count: int) -> None:
    """Tufts that give the ground its grain: larger towards the viewer."""
    for _ in range(0 if stage.snowy else count):
        depth = brush.rng.random()
        x, at = brush.rng.uniform(0, stage.width), y + depth * (HEIGHT - y)
        size = 0.6 + depth * 1.6
        for lean in (-0.7, 0, 0.7):
            brush.mark(
                ((x, at), (x + lean * size, at - size * 1.5)),
                brush.tone(colour),
                0.25 + 0.2 * depth,
            )


def stand(brush: Brush, x: float, y: float, scale: float, kind: str) -> None:
    with brush.placed(x, y, scale):
        if kind == "fir":
            plants.fir(brush, rgb("2f6b4c"))
        elif kind == "palm":
            plants.palm(brush, LEAF)
        else:
            plants.crown(brush, LEAF)


def ripples(brush: Brush, stage: Stage, top: float, colour: Colour) -> None:
    for _ in range(46):
        depth = brush.rng.random()
        x, y = brush.rng.uniform(0, stage.width), top + depth * (HEIGHT - top)
        long = 2 + depth * 5
        tone = brush.tone(lighten(colour, brush.rng.uniform(0.2, 0.6)))
        brush.mark(((x - long, y), (x, y - 0.5), (x + long, y)), tone, 0.3 + depth * 0.4)

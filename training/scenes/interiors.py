"""Rooms and tables, and the places without weather: under water, in space, on a stage."""

from __future__ import annotations

import math

import skia

from .brush import Brush, box_path, smooth
from .colour import WHITE, Colour, darken, lighten, mix, rgb
from .setting import Setting
from .sky import HEIGHT, Stage, draw_sky

# Points read better in rows than one on each line.
# fmt: off

WOOD: Colour = rgb("b07a48")


def _wall(brush: Brush, stage: Stage, colour: Colour, foot: float) -> None:
    brush.wash(box_path(0, 0, stage.width, foot), lighten(colour, 0.12), darken(colour, 0.1))


def _boards(brush: Brush, stage: Stage, top: float, colour: Colour) -> None:
    """Planks that run towards the viewer."""
    brush.wash(box_path(0, top, stage.width, HEIGHT - top), darken(colour, 0.1),
               lighten(colour, 0.15))
    middle = stage.width / 2
    for step in range(-9, 10):
        x = middle + step * stage.width / 7
        brush.mark(((middle + (x - middle) * 0.6, top), (x, HEIGHT)),
                   brush.tone(darken(colour, 0.3)), 0.4)


def _window(brush: Brush, stage: Stage, x: float, y: float, width: float) -> None:
    """A window with the sky of the hour in it."""
    high = width * 1.15
    brush.box(x - 1.5, y - 1.5, width + 3, high + 3, rgb("f4f0e8"), 0.8)
    top, bottom = stage.hour.sky
    brush.wash(box_path(x, y, width, high), top, bottom)
    brush.straight((x + width / 2, y), (x + width / 2, y + high), rgb("f4f0e8"), 1.1)
    brush.straight((x, y + high / 2), (x + width, y + high / 2), rgb("f4f0e8"), 1.1)
    brush.glow(x + width / 2, y + high / 2, width * 0.9, mix(bottom, WHITE, 0.2), 0.5)


def _shelf(brush: Brush, x: float, y: float, width: float) -> None:
    brush.box(x, y, width, 1.8, darken(WOOD, 0.2))
    for step in range(int(width // 3)):
        tone = brush.rng.choice((rgb("c2564c"), rgb("d9b25a"), rgb("4f7fa8"), rgb("6b9a68")))
        high = brush.rng.uniform(5, 9)
        brush.box(x + step * 3, y - high, 2.5, high, tone)


def _kitchen(brush: Brush, stage: Stage) -> None:
    _wall(brush, stage, rgb("dcebe4"), 66)
    for tile in range(0, int(stage.width) + 8, 8):
        for y in range(38, 62, 8):
            brush.box(tile, y, 7.4, 7.4, rgb("f2f6f2"), 0.6)
    _window(brush, stage, stage.width * 0.58, 6, 24)
    x = stage.width * 0.06
    brush.box(x, 8, 36, 22, rgb("8fb0a0"), 1)
    brush.straight((x + 18, 8), (x + 18, 30), rgb("6d8d7e"), 0.7)
    for dx in (6, 16, 26):
        brush.straight((x + dx, 33), (x + dx, 40), rgb("7b7f86"), 0.8)
        brush.oval(x + dx, 43, 3, 3.4, rgb("7b7f86"))
    _boards(brush, stage, 64, rgb("c99b62"))
    brush.wash(box_path(0, 63, stage.width, 2.4), rgb("efe9dc"), rgb("cfc6b2"))


def _table(brush: Brush, stage: Stage) -> None:
    _wall(brush, stage, rgb("c9b9a6"), 62)
    _window(brush, stage, stage.width * 0.12, 6, 26)
    brush.box(stage.width * 0.62, 10, 22, 28, rgb("8a6a48"), 0.6)
    brush.box(stage.width * 0.62 + 2, 12, 18, 24, rgb("e6d8b8"))
    brush.oval(stage.width * 0.62 + 11, 24, 6, 6, rgb("c5795a"))
    _boards(brush, stage, 60, rgb("a8693a"))
    brush.wash(box_path(0, 59, stage.width, 2), rgb("c98d58"), rgb("8f5a30"))


def _cloth(brush: Brush, stage: Stage) -> None:
    _wall(brush, stage, rgb("e9d9c6"), 62)
    brush.wash(box_path(0, 58, stage.width, 42), rgb("f4f0ea"), rgb("dcd5ca"))
    for step in range(-6, 14):
        x = stage.width * step / 8
        middle = stage.width / 2
        start = middle + (x - middle) * 0.6
        stripe = smooth(((start, 58), (start + 4, 58), (x + 6.5, 100), (x, 100)), closed=False)
        brush.canvas.drawPath(stripe, skia.Paint(Color=0x44D0443E, AntiAlias=True))
    for y in (63, 71, 81, 93):
        brush.canvas.drawRect(skia.Rect.MakeXYWH(0, y, stage.width, 3 + (y - 60) * 0.06),
                              skia.Paint(Color=0x44D0443E))


def _desk(brush: Brush, stage: Stage) -> None:
    _wall(brush, stage, rgb("5f7f95"), 64)
    _shelf(brush, stage.width * 0.08, 24, stage.width * 0.36)
    _shelf(brush, stage.width * 0.08, 42, stage.width * 0.36)
    _window(brush, stage, stage.width * 0.62, 10, 22)
    _boards(brush, stage, 64, rgb("8a6446"))
    brush.poly(((stage.width * 0.62, 90), (stage.width * 0.7, 82), (stage.width * 0.86, 84),
                (stage.width * 0.8, 94)), WHITE)
    brush.straight((stage.width * 0.86, 94), (stage.width * 0.94, 84), rgb("e0a92f"), 1.2)


def _living_room(brush: Brush, stage: Stage) -> None:
    _wall(brush, stage, rgb("e3c9a8"), 68)
    _boards(brush, stage, 68, rgb("a97a4c"))
    brush.box(-2, 65, stage.width + 4, 3, rgb("f3ead9"))
    _window(brush, stage, stage.width * 0.08, 10, 24)
    x = stage.width * 0.5
    brush.box(x, 48, 46, 16, rgb("4f7f80"), 5)
    brush.box(x - 2, 58, 50, 14, rgb("5b9092"), 4)
    for dx in (-4, 44):
        brush.box(x + dx, 54, 7, 19, rgb("467374"), 3)
    brush.box(x + 10, 18, 24, 17, rgb("8a6a48"), 0.6)
    brush.wash(box_path(x + 12, 20, 20, 13), rgb("8cc3e0"), rgb("7fae5a"))
    rug = ((stage.width * 0.2, 80), (stage.width * 0.8, 80), (stage.width * 0.9, 95),
           (stage.width * 0.1, 95))
    brush.blob(rug, rgb("b65048"))
    brush.glow(x + 20, 40, 40, rgb("ffcf88"), 0.35)


def _bedroom(brush: Brush, stage: Stage) -> None:
    _wall(brush, stage, rgb("a9b5d6"), 68)
    _boards(brush, stage, 68, rgb("c7a37a"))
    _window(brush, stage, stage.width * 0.64, 10, 22)
    brush.box(stage.width * 0.02, 42, 4, 36, darken(WOOD, 0.2), 1.4)
    brush.box(stage.width * 0.02, 58, 50, 18, rgb("f4f1ea"), 3)
    brush.box(stage.width * 0.02 + 16, 57, 36, 18, rgb("d2728a"), 3)
    brush.box(stage.width * 0.02 + 3, 53, 14, 8, WHITE, 3)
    brush.box(stage.width * 0.02 + 50, 54, 4, 24, darken(WOOD, 0.2), 1.4)
    for index in range(6):
        brush.dot(stage.width * 0.1 + index * 6, 12 + 4 * math.sin(index), 0.9, rgb("fff3b0"))
        brush.glow(stage.width * 0.1 + index * 6, 12 + 4 * math.sin(index), 5, rgb("ffe59a"), 0.9)


def _stage(brush: Brush, stage: Stage) -> None:
    _wall(brush, stage, rgb("4a1f2c"), 74)
    for x in range(-3, int(stage.width) + 9, 9):
        brush.blob(((x, -6), (x + 9, -6), (x + 8, 40), (x + 10, 77), (x, 76)), rgb("a3283a"))
    _boards(brush, stage, 74, rgb("9a6a3f"))
    beam = smooth(((stage.width * 0.44, -4), (stage.width * 0.56, -4), (stage.width * 0.8, 92),
                   (stage.width * 0.2, 92)), closed=False)
    brush.canvas.drawPath(beam, skia.Paint(Color=0x3AFFF0C0, AntiAlias=True))
    brush.soft(stage.width / 2, 88, stage.width * 0.34, 9, rgb("fff0c0"), 0.7)
    brush.glow(stage.width / 2, 60, 52, rgb("fff0c0"), 0.4)


def _studio(brush: Brush, stage: Stage) -> None:
    base = brush.rng.choice((rgb("f1d9c0"), rgb("cfe4e6"), rgb("e9cfd6"), rgb("dfe6c8"),
                             rgb("f2e6b8"), rgb("d9d3ea")))
    brush.wash(box_path(0, 0, stage.width, HEIGHT), lighten(base, 0.3), base)
    brush.wash(box_path(0, 72, stage.width, 28), darken(base, 0.12), lighten(base, 0.1))
    brush.soft(stage.width / 2, 40, stage.width * 0.5, 46, brush.tone(WHITE), 0.5)


def _underwater(brush: Brush, stage: Stage) -> None:
    rng = brush.rng
    brush.wash(box_path(0, 0, stage.width, HEIGHT), rgb("5cc4de"), rgb("0f4a80"))
    for index in range(5):
        x = stage.width * (index + 0.3) / 5
        ray = smooth(((x, -3), (x + 7, -3), (x - 6, 90), (x - 22, 90)), closed=False)
        brush.canvas.drawPath(ray, skia.Paint(Color=0x20FFFFFF, AntiAlias=True))
    floor = [(stage.width * step / 6, 90 + 2.4 * math.sin(step * 1.9)) for step in range(-1, 8)]
    brush.path(smooth([*floor, (stage.width + 20, 130), (-20, 130)], closed=True), rgb("d9c48e"))
    for _ in range(9):
        x, tone = rng.uniform(0, stage.width), rng.choice((rgb("3f9a58"), rgb("e0607a"),
                                                          rgb("e89a4a")))
        high = rng.uniform(8, 24)
        brush.line(((x, 98), (x + 2, 95 - high * 0.4), (x - 2, 95 - high * 0.7),
                    (x + 1, 95 - high)), tone, 2)
    for _ in range(18):
        brush.arc(rng.uniform(0, stage.width), rng.uniform(5, 85), rng.uniform(0.6, 1.8), (0, 360),
                  rgb("dff4fb"), 0.4)


def _space(brush: Brush, stage: Stage) -> None:
    rng = brush.rng
    brush.wash(box_path(0, 0, stage.width, HEIGHT), rgb("0a0a24"), rgb("2a1a4c"))
    for tone in (rgb("6a3fa0"), rgb("2f6fb0")):
        brush.soft(rng.uniform(0, stage.width), rng.uniform(20, 80), 46, 30, tone, 0.5)
    for _ in range(110):
        brush.dot(rng.uniform(0, stage.width), rng.uniform(0, HEIGHT), rng.uniform(0.15, 0.6),
                  lighten(rgb("ffe9c0"), rng.random()))
    x, y = stage.width * rng.choice((0.16, 0.84)), rng.uniform(16, 30)
    brush.oval(x, y, 12, 12, rng.choice((rgb("d9794a"), rgb("5a8fd0"), rgb("c9b07a"))))
    brush.line(((x - 20, y + 4), (x, y + 5), (x + 20, y - 4)), rgb("e8d8b0"), 1.4)
    brush.oval(stage.width / 2, 132, stage.width * 0.8, 40, rgb("b9b4ae"))
    for share in (0.2, 0.45, 0.74):
        brush.oval(stage.width * share, 97, 5, 1.4, rgb("8f8a86"))


def _open_sky(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    for _ in range(5):
        brush.soft(brush.rng.uniform(0, stage.width), brush.rng.uniform(84, 104), 34, 12,
                   rgb("f5f7fb"), 0.9)


SETTINGS = (
    Setting("kitchen", ("a kitchen",), ("in the kitchen", "in a kitchen"), _kitchen,
            ("table", "floor"), 84.0, 1.2, weather=False),
    Setting("wooden table", ("a wooden table", "a table"),
            ("on a wooden table", "on the table", "on a table"), _table, ("table",), 84.0, 1.45,
            weather=False),
    Setting("tablecloth", ("a checked tablecloth",),
            ("on a checked tablecloth", "on a red and white tablecloth"), _cloth, ("table",), 84.0,
            1.45, weather=False, timeless=True),
    Setting("desk", ("a desk", "a study"), ("on a desk", "on the desk"), _desk, ("table",), 86.0,
            1.35, weather=False),
    Setting("living room", ("a living room", "a room with a sofa"),
            ("in the living room", "in a living room", "at home"), _living_room, ("floor",), 90.0,
            1.05, weather=False),
    Setting("bedroom", ("a bedroom", "a room with a bed"), ("in the bedroom", "in a bedroom"),
            _bedroom, ("floor",), 90.0, 1.05, weather=False),
    Setting("stage", ("a stage", "a theatre stage"), ("on a stage", "on the stage"), _stage,
            ("floor",), 90.0, weather=False, timeless=True),
    Setting("studio", ("a plain background",),
            ("on a plain background", "in front of a plain wall"), _studio,
            ("ground", "floor", "table", "air"), 86.0, 1.2, weather=False, timeless=True),
    Setting("underwater", ("the bottom of the sea",),
            ("under water", "underwater", "under the sea"), _underwater, ("under",), 78.0,
            weather=False, timeless=True),
    Setting("space", ("outer space", "stars and planets"), ("in space", "in outer space"), _space,
            ("space",), 84.0, weather=False, timeless=True),
    Setting("sky", ("the sky", "the open sky"), ("in the sky", "high in the sky"), _open_sky,
            ("air",), 78.0),
)

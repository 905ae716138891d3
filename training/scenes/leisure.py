"""Musical instruments, and things for sport and play."""

from __future__ import annotations

import math

from .brush import Brush, oval_path, polygon
from .colour import BLACK, NAMED, WHITE, Colour, darken, lighten, rgb
from .subject import BRIGHT, Subject

# Points read better in rows than one on each line.
# fmt: off

BRASS: Colour = rgb("d8a93c")
WOOD: Colour = rgb("a5683a")
STRING: Colour = rgb("e9e4d8")


def _guitar(brush: Brush, colour: Colour) -> None:
    brush.straight((0, -44), (0, -90), darken(WOOD, 0.4), 6)
    brush.box(-6, -100, 12, 13, darken(WOOD, 0.3), 2)
    brush.blob(((0, -56), (15, -52), (14, -36), (24, -18), (14, -1), (-14, -1), (-24, -18),
                (-14, -36), (-15, -52)), colour)
    brush.dot(0, -35, 7, BLACK)
    brush.box(-9, -14, 18, 4, darken(WOOD, 0.5))
    for x in (-2, 0, 2):
        brush.mark(((x, -90), (x, -12)), STRING, 0.6)


def _violin(brush: Brush, colour: Colour) -> None:
    brush.straight((0, -46), (0, -90), BLACK, 5)
    brush.arc(0, -94, 4, (90, 300), WOOD, 4)
    brush.blob(((0, -60), (15, -54), (11, -34), (20, -14), (0, -2), (-20, -14), (-11, -34),
                (-15, -54)), rgb("b5602a"))
    for dx in (-7, 7):
        brush.mark(((dx, -36), (dx * 1.2, -28), (dx, -20)), BLACK, 1.4)
    brush.box(-5, -18, 10, 16, BLACK, 2)
    for x in (-1.5, 1.5):
        brush.mark(((x, -90), (x, -10)), STRING, 0.6)
    brush.straight((28, -92), (34, -6), rgb("6b4424"), 2.4)


def _piano(brush: Brush, colour: Colour) -> None:
    for x in (-38, 34, 0):
        brush.straight((x, -30), (x, -1), darken(colour, 0.2), 5)
    brush.blob(((-40, -52), (-26, -98), (16, -90), (44, -60), (46, -50)), darken(colour, 0.1))
    brush.box(-50, -52, 100, 24, colour, 4)
    brush.box(-48, -40, 96, 10, WHITE)
    for x in range(-44, 46, 7):
        brush.box(x, -40, 3, 6, BLACK)


def _drum(brush: Brush, colour: Colour) -> None:
    body = ((-38, -58), (38, -58), (36, -6), (-36, -6))
    brush.oval(0, -8, 36, 8, darken(colour, 0.3))
    brush.path(polygon(body), colour)
    for x in range(-34, 30, 17):
        brush.mark(((x, -56), (x + 9, -8), (x + 17, -56)), WHITE, 2)
    brush.oval(0, -58, 38, 10, lighten(rgb("efe6d4"), 0.3))
    for start, end in (((-30, -94), (4, -62)), ((34, -92), (6, -60))):
        brush.straight(start, end, WOOD, 3.6)
        brush.oval(end[0], end[1], 4, 3, WOOD)


def _trumpet(brush: Brush, colour: Colour) -> None:
    for x in (-12, -2, 8):
        brush.straight((x, -70), (x, -24), BRASS, 6)
        brush.oval(x, -74, 4, 2.6, WHITE)
    brush.arc(-2, -38, 14, (0, 360), BRASS, 5)
    brush.straight((-48, -52), (24, -52), BRASS, 6)
    brush.poly(((16, -54), (34, -62), (50, -82), (50, -22), (34, -42), (16, -50)), BRASS)
    brush.oval(49, -52, 5, 30, lighten(BRASS, 0.3))


def _microphone(brush: Brush, colour: Colour) -> None:
    brush.oval(0, -3, 24, 4, rgb("44464d"))
    brush.straight((0, -3), (0, -60), rgb("767a83"), 4)
    brush.box(-8, -74, 16, 22, rgb("44464d"), 5)
    brush.oval(0, -82, 16, 18, colour)
    for y in (-90, -82, -74):
        brush.mark(((-14, y), (14, y)), darken(colour, 0.4), 1.2)


def _football(brush: Brush, colour: Colour) -> None:
    ball = oval_path(0, -40, 40, 40)
    brush.path(ball, WHITE)
    with brush.inside(ball):
        for angle in (0, 72, 144, 216, 288, -1):
            turn = math.radians(angle - 90)
            reach = 0.0 if angle < 0 else 36.0
            x, y = math.cos(turn) * reach, -40 + math.sin(turn) * reach
            patch = [(x + math.cos(turn + k * 1.2566) * 13, y + math.sin(turn + k * 1.2566) * 13)
                     for k in range(5)]
            brush.poly(patch, rgb("25252b"))
            brush.mark(((0, -40), (x, y)), rgb("25252b"), 1.4)


def _basketball(brush: Brush, colour: Colour) -> None:
    ball = oval_path(0, -40, 40, 40)
    brush.path(ball, rgb("e07a2a"))
    with brush.inside(ball):
        for points in (((0, -80), (0, 0)), ((-40, -40), (40, -40)),
                       ((-26, -80), (-10, -40), (-26, 0)), ((26, -80), (10, -40), (26, 0))):
            brush.mark(points, BLACK, 2.2)
    brush.shine(-14, -56, 12, 12)


def _tennis_racket(brush: Brush, colour: Colour) -> None:
    head = oval_path(0, -68, 24, 30)
    with brush.inside(head):
        for step in range(-30, 31, 6):
            brush.mark(((step, -100), (step, -36)), STRING, 0.9)
            brush.mark(((-26, -68 + step), (26, -68 + step)), STRING, 0.9)
    for start, end in (((-10, -42), (0, -26)), ((10, -42), (0, -26))):
        brush.straight(start, end, colour, 4)
    brush.straight((0, -28), (0, -2), BLACK, 7)
    brush.outline(head, colour, 5)
    brush.oval(32, -9, 9, 9, rgb("d6e83c"))


def _skateboard(brush: Brush, colour: Colour) -> None:
    for x in (-28, 28):
        brush.oval(x, -8, 8, 8, rgb("efe9dc"))
        brush.dot(x, -8, 3, BLACK)
    brush.line(((-50, -30), (-38, -20), (38, -20), (50, -30)), colour, 8)


def _surfboard(brush: Brush, colour: Colour) -> None:
    brush.oval(0, -50, 18, 50, colour, 4)
    brush.line(((4, -96), (0, -50), (-4, -4)), WHITE, 5)
    brush.line(((-15, -40), (0, -34), (16, -38)), lighten(colour, 0.6), 4)


def _kite(brush: Brush, colour: Colour) -> None:
    brush.mark(((0, -34), (8, -20), (-6, -10), (4, 0)), rgb("666666"), 1.2)
    for x, y in ((6, -22), (-4, -11)):
        bow = ((x - 6, y - 3), (x + 6, y + 3), (x + 6, y - 3), (x - 6, y + 3))
        brush.poly(bow, NAMED["yellow"])
    brush.poly(((0, -100), (30, -70), (0, -34), (-30, -70)), colour)
    brush.poly(((0, -100), (30, -70), (0, -70)), lighten(colour, 0.55))
    brush.poly(((0, -34), (-30, -70), (0, -70)), lighten(colour, 0.55))


def _sled(brush: Brush, colour: Colour) -> None:
    for y in (-4, -12):
        brush.line(((-48, y), (30, y), (46, y - 10), (44, y - 24)), rgb("555962"), 4)
    for x in (-30, 12):
        brush.straight((x, -8), (x, -28), rgb("555962"), 4)
    for y in (-30, -36):
        brush.straight((-44, y), (32, y), colour, 6)


def _trophy(brush: Brush, colour: Colour) -> None:
    for dx in (-1, 1):
        brush.arc(dx * 26, -76, 13, (0, 360), BRASS, 4)
    brush.box(-22, -12, 44, 12, rgb("4a3526"), 2)
    brush.blob(((-6, -40), (6, -40), (14, -12), (-14, -12)), BRASS)
    brush.blob(((-28, -98), (28, -98), (24, -62), (8, -40), (-8, -40), (-24, -62)), BRASS)
    brush.shine(-12, -80, 6, 14, 0.7)


def _snowman(brush: Brush, colour: Colour) -> None:
    for y, size in ((-24, 26), (-56, 19), (-80, 14)):
        brush.oval(0, y, size, size * 0.95, WHITE)
    brush.box(-12, -108, 24, 16, rgb("2d2b33"), 1)
    brush.box(-18, -94, 36, 4, rgb("2d2b33"), 2)
    brush.line(((-13, -68), (0, -64), (13, -68)), colour, 6)
    brush.line(((9, -66), (13, -50)), colour, 6)
    brush.poly(((0, -82), (16, -78), (0, -76)), NAMED["orange"])
    for x, y in ((-5, -85), (5, -85), (0, -56), (0, -48), (0, -28)):
        brush.dot(x, y, 1.9, BLACK)
    for dx in (-1, 1):
        brush.line(((dx * 17, -58), (dx * 30, -66), (dx * 40, -78)), rgb("6b4a2f"), 2.4)


_IN, _OUT, _BOTH = ("floor",), ("ground",), ("ground", "floor")
_MUSIC, _SPORT = ("musical instrument",), ("sports equipment",)

SUBJECTS = (
    Subject("guitar", ("acoustic guitar",), _MUSIC, _guitar, _IN, 0.75,
            ("brown", "red", "blue", "black", "white")),
    Subject("violin", ("fiddle",), _MUSIC, _violin, _IN, 0.65),
    Subject("piano", ("grand piano",), _MUSIC, _piano, _IN, 0.95, ("black", "white", "brown")),
    Subject("drum", ("snare drum",), _MUSIC, _drum, _IN, 0.55, BRIGHT),
    Subject("trumpet", ("horn",), _MUSIC, _trumpet, ("floor", "table"), 0.55),
    Subject("microphone", ("mic",), ("object",), _microphone, _IN, 0.65,
            ("silver", "red", "blue", "black")),
    Subject("football", ("soccer ball",), (*_SPORT, "ball"), _football, _BOTH, 0.42),
    Subject("basketball", (), (*_SPORT, "ball"), _basketball, _BOTH, 0.42, (), "orange"),
    Subject("tennis racket", ("tennis racquet",), _SPORT, _tennis_racket, _BOTH, 0.6, BRIGHT),
    Subject("skateboard", (), _SPORT, _skateboard, _BOTH, 0.5, BRIGHT),
    Subject("surfboard", (), _SPORT, _surfboard, _OUT, 0.8, BRIGHT),
    Subject("kite", (), ("toy",), _kite, ("air",), 0.55, BRIGHT, doing=("flying",)),
    Subject("sled", ("sledge", "sleigh"), ("toy",), _sled, ("snow",), 0.5, ("red", "blue", "brown",
            "green")),
    Subject("trophy", ("golden cup",), ("object",), _trophy, ("table", "floor"), 0.5),
    Subject("snowman", (), ("toy",), _snowman, ("snow",), 0.7, ("red", "blue", "green", "purple"),
            wears=True),
)

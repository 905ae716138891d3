"""Things that carry people: on roads, rails and water, and through the air."""

from __future__ import annotations

import itertools

from .brush import Brush, smooth
from .colour import NAMED, WHITE, Colour, darken, lighten, rgb
from .subject import BRIGHT, PAINT, Subject

# Points read better in rows than one on each line.
# fmt: off

TYRE: Colour = rgb("26262c")
METAL: Colour = rgb("b9c0c9")
GLASS: Colour = rgb("a9d6ee")
LAMP: Colour = rgb("fff0b0")
WOOD: Colour = rgb("8a5a34")


def _wheel(brush: Brush, x: float, radius: float) -> None:
    brush.oval(x, -radius, radius, radius, TYRE)
    brush.oval(x, -radius, radius * 0.52, radius * 0.52, METAL)
    brush.dot(x, -radius, radius * 0.15, rgb("555a63"))


def _car(brush: Brush, colour: Colour) -> None:
    brush.blob(((-34, -36), (-24, -60), (-4, -64), (14, -62), (30, -38), (0, -34)), colour)
    brush.blob(((-27, -40), (-19, -56), (-5, -58), (-4, -40)), GLASS)
    brush.blob(((0, -40), (0, -58), (12, -56), (24, -40)), GLASS)
    brush.blob(((-50, -26), (-44, -40), (-20, -42), (20, -42), (46, -36), (51, -22), (46, -12),
                (-46, -12)), colour)
    brush.mark(((-2, -40), (-2, -16)), darken(colour, 0.45), 0.9)
    brush.oval(46, -28, 4, 4, LAMP)
    brush.box(-50, -30, 4, 7, NAMED["red"], 1)
    brush.glow(47, -28, 16, LAMP, 0.7)
    for x in (-28, 28):
        _wheel(brush, x, 12)


def _bus(brush: Brush, colour: Colour) -> None:
    brush.box(-50, -68, 100, 58, colour, 7)
    brush.box(-50, -26, 100, 6, lighten(colour, 0.7))
    for x in (-44, -26, -8, 10):
        brush.box(x, -60, 15, 18, GLASS, 2)
    brush.box(29, -60, 17, 42, GLASS, 2)
    brush.oval(47, -16, 3, 3, LAMP)
    brush.glow(0, -50, 40, LAMP, 0.25)
    for x in (-28, 24):
        _wheel(brush, x, 11)


def _truck(brush: Brush, colour: Colour) -> None:
    brush.box(-50, -70, 64, 56, lighten(rgb("c9ccd2"), 0.2), 2)
    brush.blob(((16, -56), (34, -56), (44, -36), (50, -32), (50, -12), (16, -12)), colour)
    brush.blob(((21, -50), (33, -50), (40, -35), (21, -35)), GLASS)
    brush.box(-50, -16, 98, 6, rgb("4a4b52"))
    brush.oval(47, -22, 3, 3, LAMP)
    for x in (-36, -14, 32):
        _wheel(brush, x, 10.5)


def _fire_engine(brush: Brush, colour: Colour) -> None:
    brush.box(-50, -52, 66, 40, colour, 3)
    brush.blob(((16, -58), (44, -58), (50, -34), (50, -12), (16, -12)), colour)
    brush.blob(((24, -52), (42, -52), (46, -36), (24, -36)), GLASS)
    brush.box(-50, -30, 100, 5, WHITE)
    for y in (-60, -68):
        brush.straight((-50, y), (28, y - 3), METAL, 2.4)
    for x in range(-46, 28, 9):
        brush.straight((x, -60), (x, -69), METAL, 1.8)
    brush.box(28, -66, 10, 8, rgb("3f8cf0"), 2)
    brush.glow(33, -62, 18, rgb("5aa0ff"), 0.8)
    for x in (-32, 32):
        _wheel(brush, x, 11)


def _spokes(brush: Brush, x: float, radius: float) -> None:
    brush.arc(x, -radius, radius - 1.5, (0, 360), TYRE, 3.4)
    for dx, dy in ((1, 0), (0, 1), (0.7, 0.7), (0.7, -0.7)):
        reach = radius - 3
        brush.mark(((x - dx * reach, -radius - dy * reach), (x + dx * reach, -radius + dy * reach)),
                   rgb("9aa0a8"), 0.7)


def _bicycle(brush: Brush, colour: Colour) -> None:
    for x in (-30, 30):
        _spokes(brush, x, 21)
    frame = ((-30, -21), (-14, -52), (20, -54), (-2, -21), (-30, -21))
    for start, end in itertools.pairwise(frame):
        brush.straight(start, end, colour, 3.6)
    brush.straight((-14, -52), (-2, -21), colour, 3.6)
    brush.straight((30, -21), (18, -66), colour, 3.6)
    brush.line(((12, -68), (20, -68), (28, -62)), TYRE, 3)
    brush.straight((-14, -52), (-17, -61), METAL, 2.6)
    brush.oval(-17, -63, 10, 3.5, TYRE)
    brush.oval(-2, -21, 5, 5, METAL)


def _motorcycle(brush: Brush, colour: Colour) -> None:
    for x in (-31, 31):
        _wheel(brush, x, 18)
    brush.straight((31, -18), (20, -58), METAL, 4)
    brush.blob(((-40, -44), (-10, -46), (8, -40), (6, -18), (-14, -16), (-24, -30)),
               rgb("4b4d55"))
    brush.blob(((-8, -48), (6, -58), (22, -54), (18, -38), (-4, -38)), colour)
    brush.blob(((-46, -52), (-26, -52), (-6, -46), (-24, -42)), TYRE)
    brush.line(((14, -66), (21, -62), (28, -66)), TYRE, 3)
    brush.straight((-40, -16), (-8, -20), METAL, 4)
    brush.oval(27, -54, 5, 5, LAMP)
    brush.glow(30, -54, 15, LAMP, 0.7)


def _scooter(brush: Brush, colour: Colour) -> None:
    for x in (-28, 30):
        _wheel(brush, x, 12)
    brush.blob(((-46, -26), (-34, -44), (-10, -44), (-4, -22), (18, -16), (22, -56), (30, -58),
                (32, -20), (20, -10), (-30, -12)), colour)
    brush.blob(((-40, -44), (-26, -52), (-8, -48), (-10, -43)), TYRE)
    brush.line(((16, -68), (25, -66), (28, -56)), METAL, 3)
    brush.oval(30, -60, 4, 4, LAMP)


def _train(brush: Brush, colour: Colour) -> None:
    brush.box(-50, -3, 100, 3, rgb("6a6058"))
    brush.box(-50, -66, 34, 52, darken(colour, 0.15), 2)
    brush.box(-44, -58, 20, 18, GLASS, 2)
    brush.box(-18, -46, 54, 32, colour, 9)
    brush.box(16, -70, 10, 26, TYRE)
    brush.box(13, -74, 16, 6, TYRE, 2)
    brush.box(-54, -70, 42, 6, TYRE, 2)
    brush.oval(-2, -48, 6, 7, rgb("e0b34a"))
    brush.poly(((36, -16), (50, -3), (34, -3)), NAMED["red"])
    brush.oval(37, -36, 4, 5, LAMP)
    for x, radius in ((-38, 11), (-14, 11), (8, 8), (26, 8)):
        _wheel(brush, x, radius)
    for step in range(4):
        brush.soft(16 - step * 14, -84 - step * 7, 12 + step * 4, 9 + step * 3, WHITE, 0.7)


def _sailboat(brush: Brush, colour: Colour) -> None:
    brush.straight((0, -14), (0, -98), WOOD, 2.2)
    brush.path(smooth(((3, -94), (40, -26), (24, -22), (3, -22)), closed=True), colour)
    brush.path(smooth(((-3, -86), (-30, -26), (-16, -23), (-3, -22)), closed=True),
               lighten(colour, 0.55))
    brush.blob(((-44, -18), (0, -16), (46, -20), (34, 2), (-32, 2)), rgb("94572c"))
    brush.poly(((0, -98), (14, -94), (0, -90)), NAMED["red"])


def _rowing_boat(brush: Brush, colour: Colour) -> None:
    brush.straight((-20, -34), (-44, 2), rgb("b98a55"), 3)
    brush.blob(((-50, -34), (-30, -26), (30, -26), (50, -36), (38, -4), (0, 2), (-38, -4)), colour)
    brush.line(((-46, -31), (0, -25), (46, -32)), lighten(colour, 0.5), 3)
    brush.straight((12, -36), (34, 4), rgb("b98a55"), 3)
    brush.box(-12, -31, 22, 5, WOOD, 1)


def _ship(brush: Brush, colour: Colour) -> None:
    for step, (left, width) in enumerate(((-34, 62), (-26, 46))):
        top = -44 - step * 16
        brush.box(left, top, width, 17, rgb("f2f2ee"), 2)
        for window in range(int(width // 10)):
            brush.dot(left + 7 + window * 10, top + 8, 2.6, rgb("3b6b93"))
    for x in (-14, 4):
        brush.box(x, -82, 11, 24, NAMED["orange"], 1)
        brush.box(x, -82, 11, 6, TYRE)
    brush.soft(-18, -92, 20, 9, rgb("8c8c92"), 0.6)
    brush.blob(((-50, -28), (0, -27), (50, -34), (42, -6), (34, 2), (-42, 2)), colour)
    brush.mark(((-46, -8), (0, -6), (40, -10)), WHITE, 2)


def _submarine(brush: Brush, colour: Colour) -> None:
    brush.box(-8, -68, 22, 22, colour, 5)
    brush.line(((6, -66), (6, -84), (16, -86)), METAL, 3)
    for dy in (-14, 14):
        brush.oval(-48, -34 + dy, 4, 12, METAL, 0)
    brush.oval(0, -34, 46, 20, colour)
    for x in (-20, 2, 24):
        brush.oval(x, -36, 7, 7, METAL)
        brush.oval(x, -36, 5, 5, GLASS)


def _aeroplane(brush: Brush, colour: Colour) -> None:
    brush.blob(((-40, -52), (-50, -84), (-38, -82), (-22, -58)), darken(colour, 0.1))
    brush.blob(((-4, -54), (-16, -82), (-4, -84), (16, -56)), darken(colour, 0.25))
    brush.blob(((-48, -50), (-20, -62), (26, -62), (48, -50), (28, -40), (-26, -42)), WHITE)
    brush.blob(((-48, -50), (-26, -46), (28, -46), (47, -49), (28, -39), (-26, -41)), colour)
    for x in range(-22, 24, 7):
        brush.dot(x, -54, 1.9, rgb("3b6b93"))
    brush.blob(((32, -58), (40, -55), (34, -52)), GLASS)
    brush.blob(((0, -48), (-26, -14), (-12, -12), (20, -46)), colour)


def _helicopter(brush: Brush, colour: Colour) -> None:
    brush.line(((-12, -48), (-34, -54), (-48, -60)), colour, 7)
    brush.oval(-47, -60, 3, 13, METAL, 20)
    brush.blob(((-18, -46), (-6, -66), (18, -68), (36, -50), (28, -28), (0, -26)), colour)
    brush.blob(((12, -64), (26, -60), (35, -46), (14, -44)), GLASS)
    brush.straight((8, -66), (8, -80), METAL, 3)
    brush.straight((-42, -82), (50, -80), rgb("555a63"), 2.6)
    for x in (-4, 18):
        brush.straight((x, -28), (x, -16), METAL, 2)
    brush.line(((-16, -14), (10, -13), (32, -18)), METAL, 2.6)


def _hot_air_balloon(brush: Brush, colour: Colour) -> None:
    for x in (-8, 8):
        brush.straight((x * 2, -38), (x, -14), rgb("5b4535"), 1)
    brush.blob(((0, -100), (28, -90), (36, -66), (20, -42), (8, -32), (-8, -32), (-20, -42),
                (-36, -66), (-28, -90)), colour)
    brush.blob(((0, -100), (12, -88), (14, -62), (5, -32), (-5, -32), (-14, -62), (-12, -88)),
               lighten(colour, 0.6))
    brush.box(-9, -15, 18, 14, rgb("a8733e"), 2)
    brush.glow(0, -40, 26, rgb("ffb050"), 0.45)


def _rocket(brush: Brush, colour: Colour) -> None:
    brush.blob(((-8, -16), (0, 2), (8, -16)), rgb("ffb020"))
    brush.glow(0, -8, 24, rgb("ff9030"), 0.9)
    for dx in (-1, 1):
        brush.blob(((dx * 12, -40), (dx * 28, -20), (dx * 26, -6), (dx * 10, -18)),
                   darken(colour, 0.2))
    brush.blob(((0, -100), (14, -76), (16, -46), (10, -16), (-10, -16), (-16, -46), (-14, -76)),
               rgb("eceff4"))
    brush.blob(((0, -100), (12, -79), (0, -76), (-12, -79)), colour)
    brush.oval(0, -58, 7.5, 7.5, colour)
    brush.oval(0, -58, 5, 5, GLASS)


def _tractor(brush: Brush, colour: Colour) -> None:
    brush.box(-34, -78, 36, 5, darken(colour, 0.3), 2)
    brush.box(-31, -74, 30, 36, GLASS, 2)
    for x in (-31, -3):
        brush.straight((x, -74), (x, -38), darken(colour, 0.3), 2.6)
    brush.box(-34, -44, 40, 26, colour, 3)
    brush.box(0, -46, 44, 26, colour, 5)
    brush.straight((26, -46), (26, -66), rgb("4b4d55"), 3.4)
    brush.oval(42, -36, 3, 4, LAMP)
    _wheel(brush, -22, 23)
    _wheel(brush, 32, 13)


_ROAD, _WATER, _AIR, _ANY = ("ground",), ("water",), ("air",), ("vehicle",)

SUBJECTS = (
    Subject("car", ("automobile", "auto"), _ANY, _car, _ROAD, 0.85, PAINT),
    Subject("bus", ("coach",), _ANY, _bus, _ROAD, 1.1, BRIGHT),
    Subject("truck", ("lorry",), _ANY, _truck, _ROAD, 1.05, PAINT),
    Subject("fire engine", ("fire truck",), ("vehicle", "truck"), _fire_engine, _ROAD, 1.05, (),
            "red"),
    Subject("bicycle", ("bike", "cycle"), _ANY, _bicycle, _ROAD, 0.7, PAINT),
    Subject("motorcycle", ("motorbike",), _ANY, _motorcycle, _ROAD, 0.75, PAINT),
    Subject("scooter", ("moped",), _ANY, _scooter, _ROAD, 0.65, BRIGHT),
    Subject("train", ("steam train", "locomotive"), _ANY, _train, _ROAD, 1.15,
            ("green", "red", "blue", "black")),
    Subject("sailboat", ("sailing boat", "yacht"), ("vehicle", "boat"), _sailboat, _WATER, 1.0,
            (*BRIGHT, "white")),
    Subject("boat", ("rowing boat", "rowboat"), _ANY, _rowing_boat, _WATER, 0.7, PAINT),
    Subject("ship", ("ocean liner", "steamship"), ("vehicle", "boat"), _ship, _WATER, 1.1,
            ("red", "blue", "black", "white", "green")),
    Subject("submarine", (), _ANY, _submarine, ("under",), 0.85, ("yellow", "red", "grey")),
    Subject("aeroplane", ("airplane", "plane", "aircraft"), _ANY, _aeroplane, _AIR, 0.9,
            ("red", "blue", "green", "orange")),
    Subject("helicopter", ("chopper",), _ANY, _helicopter, _AIR, 0.8, BRIGHT),
    Subject("hot air balloon", ("hot-air balloon",), _ANY, _hot_air_balloon, _AIR, 0.85, BRIGHT),
    Subject("rocket", ("spaceship", "space rocket"), _ANY, _rocket, ("space", "air"), 0.95, BRIGHT),
    Subject("tractor", (), _ANY, _tractor, _ROAD, 0.85, ("red", "green", "blue", "yellow")),
)

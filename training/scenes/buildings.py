"""Buildings and other large things that people put up."""

from __future__ import annotations

from .brush import Brush
from .colour import WHITE, Colour, darken, lighten, mix, rgb
from .subject import BRIGHT, Subject

# Points read better in rows than one on each line.
# fmt: off

STONE: Colour = rgb("b8b0a4")
ROOF: Colour = rgb("9c4a35")
GLASS: Colour = rgb("8fc4e3")
LIT: Colour = rgb("ffd98a")
DOOR: Colour = rgb("6a4428")


def _window(brush: Brush, x: float, y: float, width: float, height: float) -> None:
    brush.box(x, y, width, height, GLASS, 0.8)
    brush.mark(((x + width / 2, y), (x + width / 2, y + height)), WHITE, 0.8)
    brush.mark(((x, y + height / 2), (x + width, y + height / 2)), WHITE, 0.8)
    brush.glow(x + width / 2, y + height / 2, width * 1.1, LIT, 0.75)


def _house(brush: Brush, colour: Colour) -> None:
    brush.box(18, -92, 10, 26, darken(ROOF, 0.3))
    brush.box(-38, -52, 76, 52, colour)
    brush.poly(((-46, -50), (0, -92), (46, -50)), ROOF)
    brush.box(-8, -26, 16, 26, DOOR, 1)
    brush.dot(4, -13, 1.4, rgb("e7c25a"))
    for x in (-31, 15):
        _window(brush, x, -40, 15, 15)
    brush.oval(0, -66, 6, 6, GLASS)


def _castle(brush: Brush, colour: Colour) -> None:
    for x in (-44, 24):
        brush.box(x, -72, 20, 72, darken(STONE, 0.12))
        brush.poly(((x - 3, -72), (x + 10, -100), (x + 23, -72)), colour)
    brush.box(-28, -50, 56, 50, STONE)
    for x in range(-28, 24, 14):
        brush.box(x, -58, 8, 9, STONE)
    brush.box(-9, -84, 18, 34, STONE)
    brush.poly(((-12, -84), (0, -106), (12, -84)), colour)
    brush.box(-10, -26, 20, 26, DOOR, 9)
    for x, y in ((-35, -56), (33, -56), (-1, -72), (-20, -36), (17, -36)):
        brush.box(x, y, 4, 9, rgb("3d3a44"), 2)
        brush.glow(x + 2, y + 4, 7, LIT, 0.7)


def _lighthouse(brush: Brush, colour: Colour) -> None:
    brush.blob(((-34, -6), (0, -14), (34, -6), (38, 2), (-38, 2)), rgb("7c756d"))
    for step in range(5):
        top, bottom = 9.0 + step * 1.8, 10.8 + step * 1.8
        y = -76 + step * 14
        brush.poly(((-top, y), (top, y), (bottom, y + 14), (-bottom, y + 14)),
                   colour if step % 2 == 0 else WHITE)
    brush.box(-12, -80, 24, 5, rgb("44424c"))
    brush.box(-7, -92, 14, 13, LIT)
    brush.poly(((-10, -92), (0, -104), (10, -92)), colour)
    brush.glow(0, -86, 44, LIT, 1.0)


def _church(brush: Brush, colour: Colour) -> None:
    brush.box(-10, -44, 52, 44, colour)
    brush.poly(((-14, -42), (16, -66), (46, -42)), ROOF)
    brush.box(-32, -66, 24, 66, lighten(colour, 0.1))
    brush.poly(((-35, -66), (-20, -96), (-5, -66)), darken(ROOF, 0.2))
    brush.straight((-20, -95), (-20, -106), rgb("55505a"), 2)
    brush.straight((-24, -102), (-16, -102), rgb("55505a"), 2)
    brush.box(-26, -18, 12, 18, DOOR, 6)
    brush.oval(-20, -50, 5, 5, GLASS)
    for x in (2, 16, 30):
        brush.box(x, -32, 7, 18, GLASS, 3.5)
        brush.glow(x + 3, -24, 9, LIT, 0.7)


def _windmill(brush: Brush, colour: Colour) -> None:
    brush.poly(((-15, -66), (15, -66), (23, 0), (-23, 0)), colour)
    brush.blob(((-17, -64), (0, -84), (17, -64)), ROOF)
    brush.box(-7, -20, 14, 20, DOOR, 5)
    brush.box(-5, -46, 10, 11, GLASS, 1)
    for angle in (28, 118, 208, 298):
        with brush.placed(0, -66, angle=angle):
            brush.straight((0, 0), (0, -42), rgb("5d4028"), 2)
            brush.box(1, -42, 11, 32, rgb("efe5cf"))
            for y in range(-38, -10, 7):
                brush.mark(((1, y), (12, y)), rgb("5d4028"), 0.8)
    brush.oval(0, -66, 3.4, 3.4, rgb("5d4028"))


def barn(brush: Brush, colour: Colour) -> None:
    brush.poly(((-42, 0), (-42, -46), (-28, -72), (0, -86), (28, -72), (42, -46), (42, 0)), colour)
    for start, end in (((-46, -44), (-29, -74)), ((-29, -74), (0, -90)), ((0, -90), (29, -74)),
                       ((29, -74), (46, -44))):
        brush.straight(start, end, darken(rgb("6b6468"), 0.2), 5)
    brush.box(-17, -36, 34, 36, WHITE)
    brush.box(-14, -33, 28, 33, darken(colour, 0.2))
    for start, end in (((-14, -33), (14, 0)), ((14, -33), (-14, 0))):
        brush.straight(start, end, WHITE, 2.4)
    brush.box(-7, -66, 14, 14, rgb("4a2c22"))


def _skyscraper(brush: Brush, colour: Colour) -> None:
    brush.straight((0, -92), (0, -108), rgb("6d727c"), 1.6)
    brush.box(-11, -94, 22, 20, mix(colour, rgb("5d7ea3"), 0.5))
    brush.box(-20, -76, 40, 76, mix(colour, rgb("5d7ea3"), 0.5))
    for row in range(9):
        for column in range(4):
            x, y = -16 + column * 8.6, -71 + row * 7.8
            brush.box(x, y, 5.6, 4.8, rgb("bfe0f2"))
            if brush.rng.random() < 0.5:
                brush.glow(x + 3, y + 2, 4.5, LIT, 0.8)


def _tent(brush: Brush, colour: Colour) -> None:
    brush.poly(((-50, 0), (-6, -66), (26, -62), (50, -6)), darken(colour, 0.2))
    brush.poly(((-50, 0), (-6, -66), (22, 0)), colour)
    brush.poly(((-20, 0), (-6, -58), (2, 0)), rgb("3a2e33"))
    brush.straight((-6, -66), (-6, -74), DOOR, 2)
    brush.glow(-6, -16, 26, LIT, 0.7)


def _bridge(brush: Brush, colour: Colour) -> None:
    for x in (-26, 26):
        brush.box(x - 3.5, -78, 7, 78, colour)
    brush.line(((-62, -36), (-26, -76)), colour, 2)
    brush.line(((-26, -76), (-12, -48), (0, -40), (12, -48), (26, -76)), colour, 2)
    brush.line(((26, -76), (62, -36)), colour, 2)
    for x in (-46, -36, -16, -8, 0, 8, 16, 36, 46):
        high = -40 - (abs(x) / 26) ** 2 * 36 if abs(x) < 26 else -76 + (abs(x) - 26) * 1.1
        brush.straight((x, min(high, -34)), (x, -30), colour, 1)
    brush.box(-64, -32, 128, 7, darken(colour, 0.3))


def _igloo(brush: Brush, colour: Colour) -> None:
    snow = rgb("e9f2f9")
    brush.blob(((-46, 0), (-40, -34), (0, -60), (40, -34), (46, 0)), snow)
    for radius in (48, 34, 20):
        brush.mark(((-radius * 0.9, -radius * 0.42), (0, -radius * 1.05 - 2),
                    (radius * 0.9, -radius * 0.42)), rgb("a9c3d8"), 1.2)
    brush.blob(((-18, 1), (-16, -24), (0, -32), (16, -24), (18, 1)), darken(snow, 0.1))
    brush.blob(((-11, 1), (-10, -17), (0, -23), (10, -17), (11, 1)), rgb("3f5068"))


def _temple(brush: Brush, colour: Colour) -> None:
    marble = rgb("efe8da")
    for y, reach in ((-6, 48), (-12, 43)):
        brush.box(-reach, y, reach * 2, 7, darken(marble, 0.1))
    for x in (-36, -20, -4, 12, 28):
        brush.box(x, -54, 8, 42, marble, 1)
    brush.box(-42, -62, 84, 9, marble)
    brush.poly(((-46, -61), (0, -86), (46, -61)), marble)


def _pyramid(brush: Brush, colour: Colour) -> None:
    sand = rgb("d9b36c")
    brush.poly(((-50, 0), (-6, -72), (18, 0)), lighten(sand, 0.12))
    brush.poly(((-6, -72), (50, 0), (18, 0)), darken(sand, 0.3))
    for y in (-14, -28, -42, -56):
        share = (y + 72) / 72
        brush.mark(((-6 - 44 * share, y), (-6 + 24 * share, y)), darken(sand, 0.2), 0.8)


def _street_lamp(brush: Brush, colour: Colour) -> None:
    iron = rgb("33363d")
    brush.box(-9, -8, 18, 8, iron, 2)
    brush.straight((0, -6), (0, -76), iron, 4)
    brush.poly(((-8, -78), (8, -78), (11, -94), (-11, -94)), LIT)
    brush.poly(((-13, -94), (0, -103), (13, -94)), iron)
    brush.glow(0, -86, 50, LIT, 1.0)


_LAND, _HOUSE = ("ground",), ("building",)

SUBJECTS = (
    Subject("house", ("cottage", "home"), _HOUSE, _house, _LAND, 1.2,
            ("white", "yellow", "red", "blue", "pink", "green")),
    Subject("castle", ("fortress",), _HOUSE, _castle, _LAND, 1.35, ("red", "blue", "purple")),
    Subject("lighthouse", (), _HOUSE, _lighthouse, _LAND, 1.35, ("red", "blue", "black")),
    Subject("church", ("chapel",), _HOUSE, _church, _LAND, 1.3, ("white", "beige", "yellow")),
    Subject("windmill", ("mill",), _HOUSE, _windmill, _LAND, 1.3, ("white", "brown", "red")),
    Subject("barn", ("farmhouse",), _HOUSE, barn, _LAND, 1.2, ("red", "brown", "green")),
    Subject("skyscraper", ("tall building", "office tower"), _HOUSE, _skyscraper, _LAND, 1.4),
    Subject("tent", ("camping tent",), ("shelter",), _tent, _LAND, 0.8, BRIGHT),
    Subject("bridge", ("suspension bridge",), ("structure",), _bridge, ("water",), 1.35,
            ("red", "blue", "grey", "green")),
    Subject("igloo", ("snow house",), _HOUSE, _igloo, ("snow",), 0.9),
    Subject("temple", ("Greek temple",), _HOUSE, _temple, _LAND, 1.2),
    Subject("pyramid", (), _HOUSE, _pyramid, ("sand",), 1.3),
    Subject("street lamp", ("lamp post", "street light"), ("object",), _street_lamp, _LAND, 1.1),
)

"""Trees, flowers and other plants."""

from __future__ import annotations

import math

from .brush import Brush
from .colour import NAMED, Colour, darken, lighten, rgb
from .subject import BRIGHT, Subject

# Points read better in rows than one on each line.
# fmt: off

BARK: Colour = rgb("6f4c31")
LEAF: Colour = rgb("4a9440")
CLAY: Colour = rgb("b9663d")


def crown(brush: Brush, colour: Colour) -> None:
    """A broad-leaved tree whose leaves have the given colour."""
    rng = brush.rng
    brush.blob(((-5, -50), (5, -50), (5, -14), (11, 0), (-11, 0), (-5, -14)), BARK)
    brush.line(((0, -34), (12, -50), (16, -58)), BARK, 4)
    for x, y, size in ((-22, -52, 17), (22, -52, 17), (0, -48, 16), (-14, -74, 18), (15, -74, 18),
                       (0, -84, 16), (0, -64, 20)):
        tone = darken(colour, 0.18) if y > -60 else colour
        brush.oval(x + rng.uniform(-2, 2), y + rng.uniform(-2, 2), size, size * 0.88, tone)
    for _ in range(14):
        brush.soft(rng.uniform(-28, 22), rng.uniform(-90, -52), 7, 5, lighten(colour, 0.5), 0.4)


def _tree(brush: Brush, colour: Colour) -> None:
    crown(brush, LEAF)


def _autumn_tree(brush: Brush, colour: Colour) -> None:
    crown(brush, colour)
    for _ in range(9):
        x, y = brush.rng.uniform(-36, 36), brush.rng.uniform(-34, 0)
        brush.oval(x, y, 2.6, 1.6, colour, brush.rng.uniform(0, 90))


def fir(brush: Brush, colour: Colour) -> None:
    """A conifer of three tiers."""
    brush.box(-5, -18, 10, 18, BARK)
    for y, reach in ((-14, 32), (-36, 26), (-58, 19)):
        brush.poly(((0, y - 42), (reach, y), (reach * 0.4, y - 3), (0, y + 3),
                    (-reach * 0.4, y - 3), (-reach, y)), darken(colour, (y + 58) / 200))


def _fir(brush: Brush, colour: Colour) -> None:
    fir(brush, rgb("2f7350"))


def _christmas_tree(brush: Brush, colour: Colour) -> None:
    fir(brush, rgb("2b7a45"))
    for index in range(13):
        y = -88 + index * 6
        x = math.sin(index * 2.4) * (8 + index * 1.5)
        tone = NAMED[("red", "yellow", "blue", "pink")[index % 4]]
        brush.oval(x, y, 3.2, 3.2, tone)
        brush.glow(x, y, 8, tone, 0.6)
    star = [(math.cos(k * math.pi / 5 - math.pi / 2) * (9 if k % 2 == 0 else 4),
             -100 + math.sin(k * math.pi / 5 - math.pi / 2) * (9 if k % 2 == 0 else 4))
            for k in range(10)]
    brush.poly(star, rgb("ffd94a"))
    brush.glow(0, -100, 20, rgb("ffe37a"))


def palm(brush: Brush, colour: Colour) -> None:
    """A palm tree, leaning a little."""
    for index in range(9):
        share = index / 8
        brush.oval(-8 + 12 * share * share, -4 - share * 68, 5.4 - share * 2, 5.5, rgb("9a7348"))
    for angle in (-170, -145, -112, -70, -38, -12, 14):
        turn = math.radians(angle)
        tip = (4 + math.cos(turn) * 40, -74 + math.sin(turn) * 22 + 10)
        bow = (4 + math.cos(turn) * 22, -84 + math.sin(turn) * 16)
        brush.blob(((4, -74), (bow[0], bow[1] - 3), tip, (bow[0], bow[1] + 7)), rgb("3f9a4a"))
    for x in (0, 7):
        brush.oval(x, -70, 4, 4, rgb("6a4526"))


def _palm(brush: Brush, colour: Colour) -> None:
    palm(brush, colour)


def _cactus(brush: Brush, colour: Colour) -> None:
    skin = rgb("4c9b5a")
    for points in (((0, 0), (0, -50), (0, -90)), ((0, -34), (-26, -38), (-27, -66)),
                   ((0, -48), (25, -50), (26, -78))):
        brush.line(points, skin, 17 if points[0][1] == 0 else 12)
    for y in range(-86, -4, 9):
        for x in (-4, 4):
            brush.mark(((x, y), (x + 1, y - 4)), lighten(skin, 0.6), 0.9)
    brush.oval(0, -100, 5, 5, NAMED["pink"])


def _daisy(brush: Brush, colour: Colour) -> None:
    brush.line(((0, 0), (3, -30), (0, -66)), LEAF, 4)
    brush.blob(((2, -22), (18, -38), (28, -34), (14, -22)), LEAF)
    brush.blob(((2, -12), (-18, -28), (-28, -22), (-14, -12)), LEAF)
    for step in range(9):
        angle = step * 40
        x, y = math.cos(math.radians(angle)) * 17, -72 + math.sin(math.radians(angle)) * 17
        brush.oval(x, y, 12, 6.5, colour, angle)
    brush.oval(0, -72, 10, 10, rgb("f3c136"))


def _tulip(brush: Brush, colour: Colour) -> None:
    brush.line(((0, 0), (-2, -30), (0, -62)), LEAF, 4)
    for dx in (-1, 1):
        brush.blob(((0, -4), (dx * 20, -30), (dx * 22, -52), (dx * 7, -24)), LEAF)
    brush.blob(((-20, -92), (-8, -82), (0, -98), (8, -82), (20, -92), (21, -70), (8, -56),
                (-8, -56), (-21, -70)), colour)
    brush.blob(((0, -98), (9, -78), (0, -58), (-9, -78)), lighten(colour, 0.2))


def _rose(brush: Brush, colour: Colour) -> None:
    brush.line(((0, 0), (4, -30), (0, -62)), rgb("3c7a3a"), 4)
    for x, y, dx in ((2, -28, 1), (1, -14, -1)):
        brush.blob(((x, y), (x + dx * 14, y - 12), (x + dx * 26, y - 8), (x + dx * 14, y)), LEAF)
    for radius, shade in ((24, 0.2), (18, 0.05), (12, 0.22), (6, 0.4)):
        brush.oval((24 - radius) * 0.2, -76 - (24 - radius) * 0.2, radius, radius * 0.9,
                   darken(colour, shade))


def _sunflower(brush: Brush, colour: Colour) -> None:
    brush.line(((0, 0), (-3, -30), (0, -60)), LEAF, 5)
    for dx in (-1, 1):
        brush.blob(((0, -20), (dx * 16, -36), (dx * 32, -30), (dx * 16, -18)), LEAF)
    for step in range(14):
        angle = step * 360 / 14
        x, y = math.cos(math.radians(angle)) * 22, -70 + math.sin(math.radians(angle)) * 22
        brush.oval(x, y, 11, 5, rgb("f7bf22"), angle)
    brush.oval(0, -70, 15, 15, rgb("5d3a1d"))
    brush.oval(0, -70, 9, 9, rgb("7c5127"))


def _potted_plant(brush: Brush, colour: Colour) -> None:
    for angle in (-58, -32, -8, 16, 40, 62):
        turn = math.radians(angle - 90)
        tip = (math.cos(turn) * 46, -36 + math.sin(turn) * 58)
        side = (math.cos(turn + 0.22) * 28, -36 + math.sin(turn + 0.22) * 34)
        back = (math.cos(turn - 0.22) * 28, -36 + math.sin(turn - 0.22) * 34)
        brush.blob(((0, -34), back, tip, side), darken(LEAF, 0.15 * (angle % 3)))
    brush.poly(((-24, -36), (24, -36), (17, 0), (-17, 0)), colour)
    brush.box(-27, -42, 54, 9, lighten(colour, 0.1), 2)


def _flower_vase(brush: Brush, colour: Colour) -> None:
    for x, tone in ((-22, "pink"), (0, "yellow"), (21, "red")):
        brush.line(((0, -36), (x * 0.7, -60), (x, -78)), LEAF, 3)
        for step in range(6):
            turn = math.radians(step * 60)
            brush.oval(x + math.cos(turn) * 8, -80 + math.sin(turn) * 8, 6.5, 6.5, NAMED[tone])
        brush.oval(x, -80, 5, 5, rgb("fbe7a0"))
    brush.blob(((-11, -52), (11, -52), (9, -44), (22, -24), (14, -1), (-14, -1), (-22, -24),
                (-9, -44)), colour)
    brush.shine(-9, -26, 4, 12, 0.6)


_LAND, _PLANT, _BLOSSOM = ("ground",), ("plant",), ("plant", "flower")

SUBJECTS = (
    Subject("tree", ("leafy tree", "oak tree"), _PLANT, _tree, _LAND, 1.25),
    Subject("autumn tree", ("fall tree",), ("plant", "tree"), _autumn_tree, _LAND, 1.25,
            ("red", "orange", "yellow"), "orange"),
    Subject("fir tree", ("pine tree", "conifer"), ("plant", "tree"), _fir, _LAND, 1.25),
    Subject("Christmas tree", ("decorated tree",), ("plant", "tree"), _christmas_tree,
            ("ground", "floor"), 1.1),
    Subject("palm tree", ("palm",), ("plant", "tree"), _palm, _LAND, 1.25),
    Subject("cactus", (), _PLANT, _cactus, ("ground", "table"), 0.7),
    Subject("daisy", (), _BLOSSOM, _daisy, _LAND, 0.55, ("white", "pink", "purple", "light blue")),
    Subject("tulip", (), _BLOSSOM, _tulip, _LAND, 0.55, ("red", "yellow", "pink", "purple")),
    Subject("rose", (), _BLOSSOM, _rose, ("ground", "table"), 0.55,
            ("red", "white", "pink", "yellow")),
    Subject("sunflower", (), _BLOSSOM, _sunflower, _LAND, 0.75, (), "yellow"),
    Subject("potted plant", ("houseplant", "plant in a pot"), _PLANT, _potted_plant,
            ("table", "floor"), 0.6, ("orange", "blue", "white", "yellow", "pink")),
    Subject("vase of flowers", ("flower vase", "bouquet"), _BLOSSOM, _flower_vase,
            ("table", "floor"), 0.65, (*BRIGHT[:4], "white")),
)

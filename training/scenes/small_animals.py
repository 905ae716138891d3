"""Birds, sea creatures, reptiles and insects."""

from __future__ import annotations

from .brush import Brush, oval_path, smooth
from .colour import BLACK, NAMED, WHITE, Colour, darken, lighten, rgb
from .subject import BRIGHT, Subject

# Points read better in rows than one on each line.
# fmt: off

BEAK: Colour = rgb("f0a030")


def _flying_bird(brush: Brush, colour: Colour) -> None:
    brush.blob(((6, -58), (-4, -92), (-22, -98), (-16, -76), (-12, -56)), darken(colour, 0.25))
    brush.blob(((-44, -48), (-28, -56), (0, -62), (22, -60), (32, -52), (20, -40), (-8, -38),
                (-28, -44)), colour)
    brush.blob(((8, -52), (-8, -22), (-34, -8), (-28, -32), (-14, -50)), darken(colour, 0.12))
    brush.poly(((-28, -50), (-50, -56), (-44, -48), (-50, -40)), darken(colour, 0.3))
    brush.oval(30, -56, 10, 9, colour)
    brush.poly(((38, -58), (50, -53), (38, -51)), BEAK)
    brush.eye(32, -58, 2)


def _perched_bird(brush: Brush, colour: Colour) -> None:
    for x in (-2, 6):
        brush.straight((x, -18), (x, 0), BEAK, 2.4)
    brush.poly(((-18, -30), (-46, -10), (-30, -36)), darken(colour, 0.4))
    brush.oval(0, -38, 26, 22, colour, -14)
    brush.oval(8, -32, 17, 15, lighten(colour, 0.55), -14)
    brush.blob(((-24, -30), (-12, -50), (8, -46), (-2, -30), (-22, -18)), darken(colour, 0.22))
    brush.oval(20, -64, 15, 14, colour)
    brush.poly(((33, -67), (48, -61), (33, -58)), BEAK)
    brush.eye(25, -67, 2.6)


def _owl(brush: Brush, colour: Colour) -> None:
    for dx in (-1, 1):
        brush.poly(((dx * 26, -76), (dx * 27, -100), (dx * 8, -86)), colour)
        brush.oval(dx * 9, -3, 7, 4, BEAK)
    brush.oval(0, -42, 31, 42, colour)
    brush.oval(0, -28, 20, 25, lighten(colour, 0.5))
    for dx in (-1, 1):
        brush.oval(dx * 27, -38, 9, 26, darken(colour, 0.25), dx * -8)
        brush.oval(dx * 12, -65, 13, 13, WHITE)
        brush.dot(dx * 11, -65, 7, BLACK)
        brush.dot(dx * 11 - 2, -68, 2.4, WHITE)
    brush.poly(((-4, -59), (4, -59), (0, -50)), BEAK)


def _duck(brush: Brush, colour: Colour) -> None:
    brush.blob(((-46, -34), (-34, -22), (-20, -8), (14, -6), (32, -18), (28, -36), (0, -34),
                (-24, -36)), colour)
    brush.line(((22, -26), (24, -44), (24, -54)), colour, 15)
    brush.oval(25, -60, 14, 13, colour)
    brush.blob(((36, -62), (50, -58), (48, -52), (36, -54)), BEAK)
    brush.blob(((-30, -30), (-8, -36), (12, -28), (-4, -14), (-24, -18)), darken(colour, 0.16))
    brush.eye(29, -64, 2.4)


def _hen(brush: Brush, colour: Colour) -> None:
    for x in (-4, 8):
        brush.line(((x, -20), (x, -6), (x + 5, -1)), BEAK, 3)
    for dy in (0, 9, 18):
        brush.blob(((-20, -40), (-44, -70 + dy), (-50, -54 + dy), (-24, -26)), darken(colour, 0.3))
    brush.blob(((-30, -48), (-10, -44), (10, -56), (16, -78), (30, -80), (32, -50), (20, -22),
                (-8, -16), (-26, -28)), colour)
    for x, y in ((16, -88), (23, -92), (30, -88)):
        brush.oval(x, y, 4.5, 6, NAMED["red"])
    brush.oval(24, -78, 11, 11, colour)
    brush.poly(((33, -80), (46, -75), (33, -72)), BEAK)
    brush.oval(33, -65, 3.5, 6, NAMED["red"])
    brush.blob(((-22, -44), (4, -42), (8, -28), (-12, -24)), darken(colour, 0.2))
    brush.eye(27, -80, 2.2)


def _penguin(brush: Brush, colour: Colour) -> None:
    for dx in (-1, 1):
        brush.oval(dx * 11, -4, 11, 5, BEAK)
        brush.oval(dx * 27, -46, 6, 24, darken(colour, 0.2), dx * -16)
    brush.blob(((0, -98), (20, -84), (28, -44), (20, -8), (-20, -8), (-28, -44), (-20, -84)),
               colour)
    brush.oval(0, -36, 19, 29, WHITE)
    for dx in (-1, 1):
        brush.oval(dx * 7, -76, 8, 10, WHITE)
        brush.eye(dx * 6, -77, 2.7)
    brush.poly(((-5, -71), (5, -71), (0, -62)), BEAK)


def _parrot(brush: Brush, colour: Colour) -> None:
    brush.straight((-40, -8), (40, -8), rgb("7a5230"), 5)
    for x, tone in ((-14, "blue"), (-8, "yellow")):
        brush.blob(((x, -30), (x - 8, 4), (x - 2, 6), (x + 8, -26)), NAMED[tone])
    brush.blob(((4, -98), (22, -84), (20, -40), (4, -10), (-14, -24), (-18, -60), (-12, -88)),
               colour)
    brush.blob(((-14, -62), (4, -58), (2, -30), (-12, -14), (-20, -36)), NAMED["blue"])
    brush.oval(10, -82, 8, 9, WHITE)
    brush.blob(((17, -88), (30, -80), (24, -66), (18, -74)), rgb("3d3a40"))
    brush.eye(10, -84, 2.6)


def _swan(brush: Brush, colour: Colour) -> None:
    brush.line(((24, -18), (34, -42), (20, -64), (26, -84)), colour, 9)
    brush.blob(((-48, -40), (-30, -26), (0, -34), (28, -28), (34, -14), (10, -3), (-26, -4)),
               colour)
    brush.blob(((-44, -46), (-18, -46), (12, -30), (4, -14), (-22, -14)), darken(colour, 0.1))
    brush.oval(29, -86, 9, 7, colour)
    brush.poly(((36, -89), (50, -82), (36, -81)), BEAK)
    brush.eye(31, -88, 1.7)


def _fish(brush: Brush, colour: Colour) -> None:
    brush.blob(((-26, -50), (-50, -76), (-44, -50), (-50, -24)), darken(colour, 0.22))
    brush.blob(((-14, -70), (6, -92), (22, -70)), darken(colour, 0.22))
    body = ((-32, -50), (-6, -74), (26, -70), (46, -50), (26, -30), (-6, -26))
    brush.blob(body, colour)
    with brush.inside(smooth(body, closed=True)):
        for x in (-16, 4):
            brush.line(((x, -80), (x + 8, -50), (x, -20)), lighten(colour, 0.6), 6)
    brush.blob(((4, -46), (-8, -34), (10, -34)), darken(colour, 0.3))
    brush.oval(30, -56, 6, 6, WHITE)
    brush.eye(31, -56, 3.4)


def _whale(brush: Brush, colour: Colour) -> None:
    brush.blob(((-34, -40), (-50, -66), (-36, -60), (-24, -70), (-26, -44)), darken(colour, 0.1))
    body = ((-36, -38), (-20, -44), (10, -62), (40, -52), (49, -28), (32, -12), (-6, -14))
    brush.blob(body, colour)
    with brush.inside(smooth(body, closed=True)):
        brush.oval(26, -8, 36, 18, lighten(colour, 0.65))
    brush.blob(((4, -24), (-8, -4), (12, -10)), darken(colour, 0.25))
    brush.eye(33, -36, 2.6)
    for dx in (-9, 9):
        brush.line(((16, -62), (16 + dx * 0.5, -80), (16 + dx, -76)), rgb("9bd3f2"), 2.6)


def _dolphin(brush: Brush, colour: Colour) -> None:
    brush.blob(((-2, -68), (-12, -92), (12, -74)), darken(colour, 0.2))
    brush.blob(((-44, -14), (-30, -50), (0, -72), (30, -62), (50, -40), (34, -42), (14, -40),
                (-16, -32)), colour)
    brush.blob(((-40, -22), (-50, 2), (-38, -8), (-26, 0)), darken(colour, 0.2))
    brush.blob(((34, -44), (10, -42), (-14, -34), (12, -50)), lighten(colour, 0.6))
    brush.blob(((10, -46), (2, -22), (20, -38)), darken(colour, 0.25))
    brush.eye(30, -54, 2)


def _octopus(brush: Brush, colour: Colour) -> None:
    for index in range(8):
        x = -32 + index * 9.2
        bend = 9 if index % 2 else -9
        brush.line(((x * 0.55, -44), (x * 1.1, -24), (x * 1.2 + bend, -8), (x * 1.3, -2)),
                   darken(colour, 0.15 * (index % 2)), 6.5)
    brush.blob(((0, -100), (28, -84), (26, -46), (0, -36), (-26, -46), (-28, -84)), colour)
    for dx in (-10, 10):
        brush.oval(dx, -60, 7, 8, WHITE)
        brush.eye(dx, -59, 3.8)
    brush.mark(((-6, -47), (0, -44), (6, -47)), darken(colour, 0.6), 1.6)


def _crab(brush: Brush, colour: Colour) -> None:
    for dx in (-1, 1):
        for step in range(3):
            brush.line(((dx * 20, -26), (dx * (36 + step * 3), -30 + step * 8),
                        (dx * (40 + step * 2), -8 + step * 4)), darken(colour, 0.15), 3.6)
        brush.line(((dx * 24, -34), (dx * 38, -46), (dx * 34, -60)), colour, 6)
        brush.blob(((dx * 24, -62), (dx * 28, -84), (dx * 36, -74), (dx * 46, -84),
                    (dx * 46, -62), (dx * 34, -54)), colour)
        brush.straight((dx * 9, -44), (dx * 9, -58), colour, 3)
        brush.dot(dx * 9, -60, 4.5, WHITE)
        brush.dot(dx * 9, -60, 2.5, BLACK)
    brush.oval(0, -30, 32, 19, colour)
    brush.mark(((-9, -22), (0, -18), (9, -22)), darken(colour, 0.6), 1.6)


def _turtle(brush: Brush, colour: Colour) -> None:
    skin = rgb("8fae55")
    for x in (-24, 20):
        brush.oval(x, -8, 10, 8, skin, 20)
    brush.poly(((-34, -18), (-50, -8), (-32, -12)), skin)
    brush.oval(40, -28, 12, 10, skin)
    brush.blob(((-38, -16), (-30, -44), (0, -58), (28, -44), (36, -16), (0, -12)), colour)
    for x, y in ((-16, -34), (0, -44), (14, -32), (-1, -25)):
        brush.oval(x, y, 7.5, 6.5, darken(colour, 0.25))
    brush.eye(44, -31, 2)


def _jellyfish(brush: Brush, colour: Colour) -> None:
    for index in range(6):
        x = -22 + index * 9
        brush.line(((x, -56), (x + 5, -40), (x - 5, -22), (x + 3, -2)), lighten(colour, 0.3), 2.6)
    brush.blob(((0, -98), (30, -82), (36, -58), (0, -52), (-36, -58), (-30, -82)), colour)
    brush.shine(-10, -80, 14, 12)


def _butterfly(brush: Brush, colour: Colour) -> None:
    for dx in (-1, 1):
        brush.blob(((0, -52), (dx * 16, -86), (dx * 46, -92), (dx * 46, -62), (dx * 22, -46)),
                   colour)
        brush.blob(((0, -50), (dx * 24, -46), (dx * 38, -26), (dx * 24, -8), (dx * 8, -26)),
                   darken(colour, 0.2))
        brush.oval(dx * 32, -74, 7, 8, lighten(colour, 0.65))
        brush.oval(dx * 23, -28, 5, 6, lighten(colour, 0.65))
        brush.line(((0, -76), (dx * 6, -92), (dx * 14, -98)), BLACK, 1.3)
    brush.oval(0, -52, 4.5, 26, rgb("33282c"))


def _bee(brush: Brush, colour: Colour) -> None:
    for x, angle in ((-8, -24), (10, 18)):
        brush.oval(x, -78, 12, 21, rgb("cfe6f5"), angle)
    body = oval_path(0, -46, 38, 27)
    brush.path(body, colour)
    with brush.inside(body):
        for x in (-22, -4, 14):
            brush.box(x, -80, 9, 70, rgb("2d2628"))
    brush.oval(32, -48, 15, 15, rgb("2d2628"))
    brush.dot(36, -52, 4, WHITE)
    brush.line(((36, -62), (42, -74), (50, -76)), rgb("2d2628"), 2)


def _snail(brush: Brush, colour: Colour) -> None:
    skin = rgb("cdb58a")
    brush.blob(((-46, -2), (-30, -12), (16, -14), (28, -44), (42, -46), (44, -26), (34, -3)), skin)
    for x in (32, 42):
        brush.straight((x, -44), (x + 3, -62), skin, 2.6)
        brush.dot(x + 3, -63, 3, BLACK)
    brush.oval(-8, -38, 31, 30, colour)
    for radius in (22, 14, 7):
        brush.arc(-8, -36, radius, (20 * radius, 290), darken(colour, 0.45), 3)


def _frog(brush: Brush, colour: Colour) -> None:
    for dx in (-1, 1):
        brush.blob(((dx * 18, -34), (dx * 44, -34), (dx * 46, -6), (dx * 18, -4)),
                   darken(colour, 0.2))
        brush.oval(dx * 17, -68, 11, 11, colour)
    brush.oval(0, -34, 29, 31, colour)
    brush.oval(0, -22, 18, 18, lighten(colour, 0.6))
    brush.oval(0, -52, 30, 17, colour)
    for dx in (-1, 1):
        brush.dot(dx * 17, -70, 7, WHITE)
        brush.dot(dx * 17, -70, 4, BLACK)
        brush.oval(dx * 13, -4, 9, 5, colour)
    brush.mark(((-20, -50), (0, -44), (20, -50)), darken(colour, 0.65), 2)


def _snake(brush: Brush, colour: Colour) -> None:
    brush.line(((-48, -6), (-34, -18), (-16, -6), (4, -18), (20, -8), (26, -26), (16, -46),
                (26, -66)), colour, 11)
    for x, y in ((-34, -16), (-15, -8), (4, -16), (21, -11), (20, -38)):
        brush.oval(x, y, 4, 3, darken(colour, 0.45))
    brush.oval(30, -70, 13, 9, colour, -10)
    brush.line(((42, -70), (49, -69)), NAMED["red"], 1.6)
    brush.eye(33, -74, 2)


_AIR, _UNDER, _LAND = ("air",), ("under",), ("ground",)

SUBJECTS = (
    Subject("bird", ("flying bird", "seagull"), ("animal",), _flying_bird, _AIR, 0.5,
            ("white", "blue", "black", "red"), doing=("flying", "gliding")),
    Subject("songbird", ("little bird", "robin", "sparrow"), ("animal", "bird"), _perched_bird,
            ("ground", "table"), 0.42, ("red", "blue", "yellow", "brown"), doing=("singing",)),
    Subject("owl", (), ("animal", "bird"), _owl, _LAND, 0.55, ("brown", "grey", "white")),
    Subject("duck", ("duckling",), ("animal", "bird"), _duck, ("water", "ground"), 0.5,
            ("yellow", "white", "brown")),
    Subject("chicken", ("hen", "rooster"), ("animal", "bird"), _hen, _LAND, 0.5,
            ("white", "brown", "black")),
    Subject("penguin", (), ("animal", "bird"), _penguin, _LAND, 0.6, (), "black"),
    Subject("parrot", (), ("animal", "bird"), _parrot, ("ground", "floor"), 0.55,
            ("red", "green", "blue", "yellow")),
    Subject("swan", ("goose",), ("animal", "bird"), _swan, ("water",), 0.65, ("white", "black"),
            doing=("swimming",)),
    Subject("fish", ("goldfish",), ("animal", "sea creature"), _fish, _UNDER, 0.5,
            ("orange", "yellow", "blue", "red", "purple"), doing=("swimming",)),
    Subject("whale", (), ("animal", "sea creature"), _whale, ("under", "water"), 1.0, (), "blue",
            doing=("swimming",)),
    Subject("dolphin", (), ("animal", "sea creature"), _dolphin, ("under", "water"), 0.8, (),
            "grey", doing=("jumping", "swimming")),
    Subject("octopus", (), ("animal", "sea creature"), _octopus, _UNDER, 0.7,
            ("red", "purple", "orange", "pink")),
    Subject("crab", (), ("animal", "sea creature"), _crab, ("ground", "under"), 0.5,
            ("red", "orange", "blue")),
    Subject("turtle", ("tortoise",), ("animal",), _turtle, ("ground", "under"), 0.5,
            ("green", "brown")),
    Subject("jellyfish", (), ("animal", "sea creature"), _jellyfish, _UNDER, 0.6,
            ("pink", "purple", "blue"), doing=("floating",)),
    Subject("butterfly", (), ("animal", "insect"), _butterfly, ("air",), 0.45, BRIGHT),
    Subject("bee", ("bumblebee", "honeybee"), ("animal", "insect"), _bee, ("air",), 0.42, (),
            "yellow", doing=("flying", "buzzing")),
    Subject("snail", (), ("animal",), _snail, ("ground", "table"), 0.4,
            ("brown", "orange", "purple", "green")),
    Subject("frog", ("toad",), ("animal",), _frog, ("ground",), 0.45, (), "green"),
    Subject("snake", ("serpent",), ("animal", "reptile"), _snake, ("ground",), 0.6,
            ("green", "yellow", "red", "brown")),
)

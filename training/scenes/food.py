"""Food and drink, as it stands on a table."""

from __future__ import annotations

from .brush import Brush, oval_path, smooth
from .colour import NAMED, WHITE, Colour, darken, lighten, rgb
from .subject import Subject

# Points read better in rows than one on each line.
# fmt: off

LEAF: Colour = rgb("4f9a3c")
STALK: Colour = rgb("6b4a2b")
CRUST: Colour = rgb("d9a35a")
CHINA: Colour = rgb("f3f1ec")


def _leaf(brush: Brush, x: float, y: float, size: float = 1.0) -> None:
    brush.blob(((x, y), (x + 10 * size, y - 12 * size), (x + 24 * size, y - 12 * size),
                (x + 14 * size, y - 1 * size)), LEAF)


def _apple(brush: Brush, colour: Colour) -> None:
    brush.blob(((0, -72), (26, -80), (42, -56), (34, -18), (14, -1), (0, -5), (-14, -1), (-34, -18),
                (-42, -56), (-26, -80)), colour)
    brush.line(((0, -70), (2, -84), (8, -94)), STALK, 4)
    _leaf(brush, 4, -82)
    brush.shine(-18, -58, 12, 16)


def _pear(brush: Brush, colour: Colour) -> None:
    brush.blob(((0, -88), (14, -78), (18, -58), (36, -32), (28, -6), (0, 0), (-28, -6), (-36, -32),
                (-18, -58), (-14, -78)), colour)
    brush.line(((0, -86), (3, -98)), STALK, 4)
    _leaf(brush, 2, -88, 0.8)
    brush.shine(-14, -34, 10, 16)


def _round_fruit(brush: Brush, colour: Colour) -> None:
    brush.oval(0, -40, 40, 39, colour)
    for _ in range(14):
        brush.dot(brush.rng.uniform(-26, 26), brush.rng.uniform(-64, -14), 1, darken(colour, 0.2))
    brush.oval(0, -77, 6, 3, LEAF)
    _leaf(brush, 2, -77, 0.9)
    brush.shine(-14, -56, 13, 13)


def _lemon(brush: Brush, colour: Colour) -> None:
    brush.blob(((-48, -36), (-38, -44), (-20, -62), (14, -64), (36, -48), (48, -38), (36, -26),
                (14, -8), (-20, -10), (-38, -28)), colour)
    _leaf(brush, -30, -58)
    brush.shine(-8, -48, 16, 9)


def _banana(brush: Brush, colour: Colour) -> None:
    for dx, dy in ((7, -10), (0, 0)):
        brush.blob(((-44 + dx, -62 + dy), (-36 + dx, -64 + dy), (-16 + dx, -36 + dy),
                    (16 + dx, -30 + dy), (40 + dx, -46 + dy), (43 + dx, -40 + dy),
                    (24 + dx, -10 + dy), (-10 + dx, -4 + dy), (-36 + dx, -30 + dy)), colour)
    brush.line(((-41, -62), (-44, -72)), STALK, 5)
    brush.mark(((-38, -52), (-16, -22), (14, -17), (38, -38)), darken(colour, 0.3), 1.4)


def _strawberry(brush: Brush, colour: Colour) -> None:
    brush.blob(((0, -76), (30, -76), (38, -52), (20, -16), (0, -1), (-20, -16), (-38, -52),
                (-30, -76)), colour)
    for row, count in enumerate((4, 5, 4, 3)):
        for index in range(count):
            brush.dot((index - (count - 1) / 2) * 14, -64 + row * 14, 1.8, rgb("f8e08a"))
    for angle in (-60, -25, 25, 60):
        brush.oval(angle * 0.3, -80, 5, 13, LEAF, angle)
    brush.shine(-18, -58, 9, 13)


def _cherries(brush: Brush, colour: Colour) -> None:
    for x, y in ((-22, -24), (24, -20)):
        brush.line(((x, y - 16), (x * 0.5, -66), (6, -96)), LEAF, 3)
        brush.oval(x, y, 21, 20, colour)
        brush.shine(x - 7, y - 7, 6, 7, 0.7)
    _leaf(brush, 6, -92, 1.3)


def _grapes(brush: Brush, colour: Colour) -> None:
    brush.line(((0, -80), (4, -98)), STALK, 4)
    for row, count in enumerate((4, 5, 4, 3, 2, 1)):
        for index in range(count):
            x, y = (index - (count - 1) / 2) * 16, -78 + row * 13
            brush.oval(x, y, 9.5, 9.5, colour)
            brush.shine(x - 3, y - 3, 3, 3, 0.6)
    _leaf(brush, 2, -86, 1.3)


def _watermelon(brush: Brush, colour: Colour) -> None:
    for reach, tone in ((48, LEAF), (44, rgb("e6f0c4")), (40, rgb("e84a50"))):
        brush.blob(((-reach, -58), (0, -60), (reach, -58), (reach * 0.72, -22), (0, -58 + reach),
                    (-reach * 0.72, -22)), tone)
    for x, y in ((-22, -46), (-6, -44), (10, -46), (24, -48), (-12, -30), (4, -28), (16, -34)):
        brush.oval(x, y, 2, 3.2, rgb("2a2024"))


def _pineapple(brush: Brush, colour: Colour) -> None:
    for angle in (-40, -20, 0, 20, 40):
        brush.oval(angle * 0.35, -78, 6, 22, LEAF, angle)
    body = oval_path(0, -33, 26, 34)
    brush.path(body, rgb("e3a52c"))
    with brush.inside(body):
        for step in range(-6, 7):
            for lean in (-30, 30):
                brush.mark(((step * 11 - lean, -70), (step * 11 + lean, 2)), rgb("a86a18"), 1.4)


def _carrot(brush: Brush, colour: Colour) -> None:
    for angle in (-30, -5, 24):
        brush.oval(-34 + angle * 0.2, -66, 5, 17, LEAF, angle - 40)
    brush.blob(((-38, -58), (-24, -66), (10, -38), (46, -6), (14, -18), (-32, -44)), colour)
    for x, y in ((-20, -48), (-4, -38), (10, -26)):
        brush.mark(((x, y), (x + 7, y - 7)), darken(colour, 0.35), 1.4)


def _mushroom(brush: Brush, colour: Colour) -> None:
    brush.blob(((-12, -44), (12, -44), (14, -16), (17, -1), (-17, -1), (-14, -16)), rgb("f1e6d2"))
    brush.blob(((-44, -44), (-30, -78), (0, -92), (30, -78), (44, -44), (0, -38)), colour)
    for x, y, size in ((-20, -60, 6), (2, -74, 7), (22, -58, 6), (0, -52, 5)):
        brush.oval(x, y, size, size * 0.85, WHITE)


def _bread(brush: Brush, colour: Colour) -> None:
    brush.blob(((-48, -14), (-44, -46), (-20, -58), (20, -58), (44, -46), (48, -14), (0, -1)),
               rgb("c98a45"))
    for x in (-24, -2, 20):
        brush.line(((x - 6, -50), (x + 6, -36)), rgb("f0d49c"), 6)


def _cheese(brush: Brush, colour: Colour) -> None:
    brush.poly(((-46, -40), (20, -66), (48, -42)), lighten(rgb("f4c63e"), 0.35))
    brush.poly(((-46, -40), (48, -42), (48, -2), (-46, -2)), rgb("f4c63e"))
    for x, y, size in ((-26, -22, 7), (0, -28, 5), (24, -16, 9), (-4, -10, 5)):
        brush.oval(x, y, size, size * 0.85, rgb("d69f22"))


def _fried_egg(brush: Brush, colour: Colour) -> None:
    brush.oval(0, -18, 50, 17, rgb("6d7078"))
    brush.blob(((-38, -22), (-24, -36), (4, -30), (28, -36), (38, -20), (20, -8), (-12, -7)), WHITE)
    brush.oval(0, -24, 13, 9, rgb("f9b524"))
    brush.shine(-4, -28, 5, 3, 0.8)


def _plate(brush: Brush) -> None:
    brush.oval(0, -8, 50, 9, CHINA)
    brush.oval(0, -9, 38, 6, darken(CHINA, 0.08))


def _pizza(brush: Brush, colour: Colour) -> None:
    brush.oval(0, -42, 47, 42, CRUST)
    brush.oval(0, -42, 40, 35, rgb("f3cf62"))
    for x, y in ((-20, -56), (6, -64), (24, -44), (-4, -40), (-24, -30), (12, -22)):
        brush.oval(x, y, 8, 7, rgb("c23a2c"))
    for x, y in ((-8, -54), (14, -50), (-14, -20), (26, -28)):
        brush.oval(x, y, 4, 2.4, LEAF, 30)


def _hamburger(brush: Brush, colour: Colour) -> None:
    brush.box(-40, -18, 80, 17, CRUST, 8)
    brush.box(-43, -30, 86, 13, rgb("6b3c22"), 6)
    brush.poly(((-42, -36), (42, -36), (30, -22), (8, -33), (-18, -22)), rgb("f7c63b"))
    brush.line(((-42, -37), (-22, -33), (0, -38), (22, -33), (42, -37)), LEAF, 7)
    brush.box(-39, -46, 78, 8, NAMED["red"], 4)
    brush.blob(((-42, -46), (-34, -72), (0, -82), (34, -72), (42, -46), (0, -43)), CRUST)
    for x, y in ((-18, -66), (0, -72), (18, -66), (-8, -59), (10, -59)):
        brush.oval(x, y, 2.6, 1.7, rgb("fbeccb"))


def _cake(brush: Brush, colour: Colour) -> None:
    _plate(brush)
    brush.box(-36, -46, 72, 38, rgb("e8bb7c"), 4)
    brush.box(-36, -32, 72, 6, WHITE)
    brush.blob(((-38, -52), (0, -56), (38, -52), (38, -38), (28, -32), (18, -40), (6, -31),
                (-6, -40), (-18, -31), (-28, -40), (-38, -36)), colour)
    for x in (-20, 0, 20):
        brush.straight((x, -54), (x, -74), WHITE, 4)
        brush.oval(x, -80, 3, 5.5, rgb("ffb938"))
        brush.glow(x, -80, 14, rgb("ffcf70"), 0.8)


def _cupcake(brush: Brush, colour: Colour) -> None:
    brush.poly(((-28, -40), (28, -40), (20, -1), (-20, -1)), rgb("b47a4a"))
    for x in (-14, 0, 14):
        brush.mark(((x * 1.3, -38), (x, -3)), rgb("7e4f2c"), 1.6)
    for y, reach in ((-44, 34), (-58, 26), (-70, 16)):
        brush.oval(0, y, reach, 11, colour)
    brush.oval(0, -85, 7, 7, NAMED["red"])


def _ice_cream(brush: Brush, colour: Colour) -> None:
    brush.poly(((-24, -52), (24, -52), (0, 0)), CRUST)
    for step in (-12, 0, 12):
        brush.mark(((step - 8, -50), (step * 0.3 + 4, -14)), rgb("a86f30"), 1.3)
        brush.mark(((step + 8, -50), (step * 0.3 - 4, -14)), rgb("a86f30"), 1.3)
    brush.oval(0, -78, 21, 20, WHITE)
    brush.blob(((-28, -54), (-24, -72), (0, -78), (24, -72), (28, -54), (14, -48), (0, -54),
                (-14, -48)), colour)
    brush.shine(-9, -84, 6, 7)


def _doughnut(brush: Brush, colour: Colour) -> None:
    brush.oval(0, -36, 46, 34, CRUST)
    brush.oval(0, -40, 42, 28, colour)
    brush.oval(0, -38, 13, 8, rgb("8a5a30"))
    for _ in range(20):
        x, y = brush.rng.uniform(-34, 34), brush.rng.uniform(-58, -22)
        if abs(x) > 16 or abs(y + 38) > 11:
            tone = NAMED[brush.rng.choice(("white", "yellow", "blue", "red", "green"))]
            brush.mark(((x, y), (x + 3, y + 2)), tone, 1.8)


def _cup(brush: Brush, colour: Colour) -> None:
    brush.oval(0, -5, 44, 6, lighten(colour, 0.4))
    brush.arc(32, -34, 13, (-80, 180), colour, 6)
    brush.path(smooth(((-34, -58), (34, -58), (28, -18), (12, -5), (-12, -5), (-28, -18)),
                      closed=True), colour)
    brush.oval(0, -58, 34, 7, lighten(colour, 0.35))
    brush.oval(0, -57, 29, 5, rgb("5a331c"))
    for x in (-12, 8):
        brush.mark(((x, -70), (x + 6, -80), (x - 2, -90), (x + 4, -99)), rgb("eeeeee"), 2)


def _wine(brush: Brush, colour: Colour) -> None:
    brush.straight((0, -44), (0, -4), rgb("d8e6ec"), 3.4)
    brush.oval(0, -3, 20, 3.4, rgb("d8e6ec"))
    brush.blob(((-22, -98), (22, -98), (24, -66), (10, -46), (-10, -46), (-24, -66)),
               rgb("dcebf1"))
    brush.blob(((-22, -76), (22, -76), (20, -60), (8, -49), (-8, -49), (-20, -60)), colour)
    brush.shine(-11, -74, 5, 14, 0.7)


def _bottle(brush: Brush, colour: Colour) -> None:
    brush.blob(((-7, -96), (7, -96), (8, -70), (19, -54), (20, -2), (-20, -2), (-19, -54),
                (-8, -70)), colour)
    brush.box(-20, -40, 40, 24, rgb("f4ead2"), 1)
    brush.box(-7, -100, 14, 9, rgb("b18455"), 2)
    brush.shine(-11, -52, 4, 22, 0.6)


_AT, _FRUIT, _EAT = ("table",), ("fruit", "food"), ("food",)

SUBJECTS = (
    Subject("apple", (), _FRUIT, _apple, _AT, 0.45, ("red", "green", "yellow")),
    Subject("pear", (), _FRUIT, _pear, _AT, 0.48, ("green", "yellow")),
    Subject("orange", ("tangerine",), _FRUIT, _round_fruit, _AT, 0.45, (), "orange"),
    Subject("lemon", (), _FRUIT, _lemon, _AT, 0.45, (), "yellow"),
    Subject("banana", (), _FRUIT, _banana, _AT, 0.5, (), "yellow"),
    Subject("strawberry", (), _FRUIT, _strawberry, _AT, 0.42, (), "red"),
    Subject("cherry", (), _FRUIT, _cherries, _AT, 0.42, (), "red"),
    Subject("bunch of grapes", ("grape bunch",), _FRUIT, _grapes, _AT, 0.5, ("purple", "green")),
    Subject("slice of watermelon", ("watermelon slice",), _FRUIT, _watermelon, _AT, 0.5),
    Subject("pineapple", (), _FRUIT, _pineapple, _AT, 0.6),
    Subject("carrot", (), ("vegetable", "food"), _carrot, _AT, 0.48, (), "orange"),
    Subject("mushroom", ("toadstool",), ("plant",), _mushroom, ("ground", "table"), 0.42,
            ("red", "brown", "orange")),
    Subject("loaf of bread", ("bread loaf",), _EAT, _bread, _AT, 0.5),
    Subject("piece of cheese", ("cheese wedge",), _EAT, _cheese, _AT, 0.46),
    Subject("fried egg", (), _EAT, _fried_egg, _AT, 0.5),
    Subject("pizza", (), _EAT, _pizza, _AT, 0.55),
    Subject("hamburger", ("burger", "cheeseburger"), _EAT, _hamburger, _AT, 0.5),
    Subject("birthday cake", ("cake",), ("dessert", "food"), _cake, _AT, 0.6,
            ("pink", "white", "brown", "turquoise")),
    Subject("cupcake", ("muffin",), ("dessert", "food"), _cupcake, _AT, 0.46,
            ("pink", "white", "turquoise", "yellow")),
    Subject("ice cream", ("ice cream cone",), ("dessert", "food"), _ice_cream, _AT, 0.5,
            ("pink", "brown", "yellow", "green"), plural="ice creams"),
    Subject("doughnut", ("donut",), ("dessert", "food"), _doughnut, _AT, 0.46,
            ("pink", "brown", "white")),
    Subject("cup of coffee", ("coffee cup", "cup of tea"), ("drink",), _cup, _AT, 0.46,
            ("white", "red", "blue", "yellow", "green")),
    Subject("glass of wine", ("wine glass",), ("drink",), _wine, _AT, 0.55, ("red", "white")),
    Subject("bottle", ("wine bottle",), ("drink",), _bottle, _AT, 0.65,
            ("green", "brown", "blue")),
)

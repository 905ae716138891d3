"""Furniture and the small things of a home."""

from __future__ import annotations

from .brush import Brush, oval_path
from .colour import BLACK, NAMED, WHITE, Colour, darken, lighten, rgb
from .subject import BRIGHT, PAINT, Subject

# Points read better in rows than one on each line.
# fmt: off

WOOD: Colour = rgb("94623b")
BRASS: Colour = rgb("c79b45")
WARM: Colour = rgb("ffdd8a")


def _chair(brush: Brush, colour: Colour) -> None:
    for x, y in ((-20, -98), (-24, 0), (20, -44), (24, 0)):
        brush.straight((x, y), (x - 3 if x < 0 else x + 2, -1), darken(WOOD, 0.2), 5)
    for y in (-92, -78, -64):
        brush.line(((-21, y), (0, y - 3), (16, y)), WOOD, 5)
    brush.straight((16, -96), (18, -44), WOOD, 5)
    brush.box(-27, -50, 54, 11, colour, 5)


def _armchair(brush: Brush, colour: Colour) -> None:
    for x in (-28, 28):
        brush.straight((x, -10), (x, -1), WOOD, 5)
    brush.box(-34, -90, 68, 60, colour, 18)
    brush.box(-26, -44, 52, 22, lighten(colour, 0.18), 7)
    for x in (-46, 28):
        brush.box(x, -58, 18, 50, darken(colour, 0.1), 8)
    brush.box(-32, -26, 64, 18, darken(colour, 0.18), 4)


def _lamp(brush: Brush, colour: Colour) -> None:
    brush.oval(0, -3, 20, 4, BRASS)
    brush.straight((0, -3), (0, -56), BRASS, 4)
    brush.poly(((-17, -98), (17, -98), (30, -54), (-30, -54)), colour)
    brush.soft(0, -66, 24, 22, WARM, 0.6)
    brush.glow(0, -62, 52, WARM, 0.9)


def _clock(brush: Brush, colour: Colour) -> None:
    for dx in (-1, 1):
        brush.straight((dx * 22, -14), (dx * 30, 0), BRASS, 6)
        brush.oval(dx * 22, -84, 13, 9, BRASS, dx * 35)
    brush.oval(0, -46, 40, 40, colour)
    brush.oval(0, -46, 31, 31, WHITE)
    for x, y in ((0, -26), (0, 26), (-26, 0), (26, 0)):
        brush.dot(x, -46 + y, 2.4, BLACK)
    brush.mark(((0, -46), (0, -66)), BLACK, 3)
    brush.mark(((0, -46), (14, -40)), BLACK, 3)


def _book(brush: Brush, colour: Colour) -> None:
    brush.poly(((-46, -22), (8, -38), (48, -24), (-6, -2)), darken(colour, 0.3))
    brush.poly(((-46, -30), (-6, -12), (48, -32), (48, -24), (-6, -2), (-46, -22)), WHITE)
    brush.poly(((-46, -30), (8, -48), (48, -32), (-6, -12)), colour)
    brush.poly(((-24, -31), (6, -41), (24, -34), (-5, -23)), lighten(colour, 0.55))


def _stack_of_books(brush: Brush, colour: Colour) -> None:
    for row, (tone, dx) in enumerate((("red", 0), ("blue", -5), ("yellow", 4), ("green", -2))):
        y = -17 - row * 17
        brush.box(-40 + dx, y, 80, 16, NAMED[tone], 2)
        brush.box(-30 + dx, y + 3, 71, 10, WHITE)


def _candle(brush: Brush, colour: Colour) -> None:
    brush.oval(0, -4, 30, 5, BRASS)
    brush.box(-12, -66, 24, 62, colour, 3)
    brush.oval(0, -66, 12, 3, lighten(colour, 0.4))
    brush.straight((0, -66), (0, -74), BLACK, 1.6)
    brush.blob(((0, -98), (7, -82), (0, -73), (-7, -82)), rgb("ffb52e"))
    brush.glow(0, -84, 48, rgb("ffc860"), 1.0)


def _teapot(brush: Brush, colour: Colour) -> None:
    brush.arc(34, -38, 17, (-90, 190), colour, 7)
    brush.blob(((-28, -40), (-48, -66), (-40, -68), (-22, -46)), colour)
    brush.oval(0, -36, 36, 33, colour)
    brush.oval(0, -67, 17, 6, darken(colour, 0.2))
    brush.oval(0, -77, 6, 6, darken(colour, 0.2))
    brush.box(-20, -7, 40, 7, darken(colour, 0.2), 3)
    for x in (-16, 0, 16):
        brush.oval(x, -34, 5, 5, lighten(colour, 0.65))


def _umbrella(brush: Brush, colour: Colour) -> None:
    brush.line(((0, -60), (0, -12), (6, -2), (13, -10)), WOOD, 3.6)
    brush.blob(((-50, -52), (-38, -82), (0, -98), (38, -82), (50, -52), (34, -58), (17, -52),
                (0, -58), (-17, -52), (-34, -58)), colour)
    for x in (-17, 17):
        brush.mark(((0, -98), (x * 0.8, -78), (x, -53)), darken(colour, 0.35), 1.2)


def _television(brush: Brush, colour: Colour) -> None:
    brush.straight((-2, -84), (-22, -100), rgb("666666"), 2)
    brush.straight((2, -84), (22, -100), rgb("666666"), 2)
    for x in (-30, 30):
        brush.straight((x * 0.8, -12), (x, 0), darken(WOOD, 0.3), 5)
    brush.box(-48, -84, 96, 74, colour, 7)
    brush.box(-40, -76, 62, 58, rgb("9fd4ea"), 8)
    brush.shine(-22, -62, 16, 12)
    for y in (-66, -48):
        brush.oval(35, y, 6, 6, BRASS)
    brush.glow(-10, -48, 40, rgb("a0dcff"), 0.4)


def _laptop(brush: Brush, colour: Colour) -> None:
    brush.box(-38, -68, 76, 54, rgb("4a4e57"), 4)
    brush.box(-34, -64, 68, 46, rgb("7fb9e8"), 2)
    for y, width in ((-56, 40), (-48, 52), (-40, 30)):
        brush.box(-26, y, width, 3.5, WHITE, 1)
    brush.poly(((-40, -14), (40, -14), (50, -2), (-50, -2)), rgb("b9bec6"))
    brush.glow(0, -40, 36, rgb("9fd0ff"), 0.4)


def _telephone(brush: Brush, colour: Colour) -> None:
    brush.blob(((-40, -2), (-32, -40), (-18, -54), (18, -54), (32, -40), (40, -2)), colour)
    brush.oval(0, -28, 19, 19, WHITE)
    brush.oval(0, -28, 8, 8, darken(colour, 0.2))
    brush.line(((-44, -58), (-30, -74), (0, -78), (30, -74), (44, -58)), darken(colour, 0.15), 13)


def _hat(brush: Brush, colour: Colour) -> None:
    brush.oval(0, -12, 50, 11, darken(colour, 0.15))
    brush.blob(((-28, -14), (-27, -52), (-8, -60), (0, -55), (8, -60), (27, -52), (28, -14),
                (0, -8)), colour)
    brush.line(((-28, -22), (0, -16), (28, -22)), BLACK, 8)


def _shoe(brush: Brush, colour: Colour) -> None:
    brush.blob(((-44, -54), (-20, -54), (-8, -40), (20, -28), (44, -22), (48, -8), (-44, -8)),
               colour)
    brush.box(-48, -10, 97, 10, WHITE, 4)
    for x in (-10, 0, 10):
        brush.mark(((x - 5, -32 + x * 0.4), (x + 5, -42 + x * 0.4)), WHITE, 2.6)
    brush.oval(-34, -34, 6, 10, WHITE)


def _backpack(brush: Brush, colour: Colour) -> None:
    brush.arc(0, -88, 10, (180, 180), darken(colour, 0.4), 4)
    for x in (-38, 26):
        brush.box(x, -46, 12, 36, darken(colour, 0.25), 5)
    brush.box(-31, -88, 62, 87, colour, 20)
    brush.box(-22, -42, 44, 34, lighten(colour, 0.15), 6)
    brush.mark(((-25, -58), (0, -55), (25, -58)), darken(colour, 0.5), 1.8)
    brush.box(-4, -42, 8, 11, BRASS, 2)


def _suitcase(brush: Brush, colour: Colour) -> None:
    brush.arc(0, -68, 13, (180, 180), darken(WOOD, 0.3), 5)
    brush.box(-48, -68, 96, 66, colour, 8)
    for x in (-32, 22):
        brush.box(x, -68, 10, 66, darken(colour, 0.4), 1)
        brush.box(x, -42, 10, 8, BRASS, 1)


def _camera(brush: Brush, colour: Colour) -> None:
    brush.box(-16, -72, 32, 16, rgb("3b3d44"), 4)
    brush.box(-46, -60, 92, 56, colour, 8)
    brush.box(-46, -44, 92, 26, rgb("3b3d44"))
    for size, tone in ((24, rgb("c5c9cf")), (19, rgb("24262b")), (12, rgb("3c5f8d"))):
        brush.oval(0, -31, size, size, tone)
    brush.shine(-5, -36, 6, 5, 0.8)
    brush.oval(34, -64, 6, 4, NAMED["red"])


def _gift(brush: Brush, colour: Colour) -> None:
    ribbon = lighten(rgb("f5d04c"), 0.1)
    brush.box(-36, -52, 72, 52, colour, 2)
    brush.box(-41, -64, 82, 17, lighten(colour, 0.1), 2)
    brush.box(-7, -64, 14, 64, ribbon)
    for dx in (-1, 1):
        brush.blob(((0, -64), (dx * 10, -88), (dx * 30, -88), (dx * 24, -68)), ribbon)


def _teddy_bear(brush: Brush, colour: Colour) -> None:
    for dx in (-1, 1):
        brush.oval(dx * 20, -92, 9, 9, colour)
        brush.oval(dx * 30, -42, 9, 17, darken(colour, 0.1), dx * -40)
        brush.oval(dx * 21, -9, 14, 10, darken(colour, 0.1))
        brush.oval(dx * 23, -9, 7, 6, lighten(colour, 0.5))
    brush.oval(0, -34, 26, 27, colour)
    brush.oval(0, -32, 15, 17, lighten(colour, 0.4))
    brush.oval(0, -76, 25, 22, colour)
    brush.oval(0, -69, 11, 8, lighten(colour, 0.5))
    brush.oval(0, -73, 4, 3, BLACK)
    for dx in (-10, 10):
        brush.eye(dx, -80, 2.8)


def _balloon(brush: Brush, colour: Colour) -> None:
    brush.mark(((0, -38), (4, -24), (-4, -12), (2, 0)), rgb("777777"), 1.4)
    brush.blob(((0, -99), (24, -90), (29, -68), (14, -46), (0, -40), (-14, -46), (-29, -68),
                (-24, -90)), colour)
    brush.poly(((0, -42), (5, -35), (-5, -35)), darken(colour, 0.2))
    brush.shine(-11, -80, 8, 12, 0.7)


def _glasses(brush: Brush, colour: Colour) -> None:
    for dx in (-1, 1):
        brush.path(oval_path(dx * 25, -22, 20, 18), rgb("cfe8f5"))
        brush.arc(dx * 25, -22, 20, (0, 360), colour, 5)
        brush.straight((dx * 44, -26), (dx * 50, -44), colour, 4)
    brush.line(((-6, -24), (0, -29), (6, -24)), colour, 4)


def _key(brush: Brush, colour: Colour) -> None:
    brush.straight((-10, -34), (44, -34), BRASS, 8)
    for x in (26, 40):
        brush.straight((x, -32), (x, -16), BRASS, 7)
    brush.arc(-26, -34, 17, (0, 360), BRASS, 9)


def _telescope(brush: Brush, colour: Colour) -> None:
    for x in (-24, 0, 24):
        brush.straight((0, -46), (x, 0), darken(WOOD, 0.2), 4.5)
    brush.straight((-34, -38), (36, -78), colour, 15)
    brush.straight((28, -74), (42, -82), BRASS, 19)
    brush.straight((-42, -34), (-34, -38), BRASS, 9)


_TABLE, _FLOOR, _THING = ("table",), ("floor",), ("object",)
_SEAT = ("furniture",)

SUBJECTS = (
    Subject("chair", ("wooden chair", "seat"), _SEAT, _chair, _FLOOR, 0.7, PAINT),
    Subject("armchair", ("easy chair",), _SEAT, _armchair, _FLOOR, 0.8, PAINT),
    Subject("lamp", ("table lamp", "desk lamp"), _SEAT, _lamp, ("table", "floor"), 0.6,
            ("yellow", "red", "green", "blue", "white")),
    Subject("alarm clock", ("clock",), _THING, _clock, _TABLE, 0.48, BRIGHT),
    Subject("book", ("closed book",), _THING, _book, _TABLE, 0.5, PAINT),
    Subject("stack of books", ("pile of books",), _THING, _stack_of_books, _TABLE, 0.55),
    Subject("candle", ("burning candle",), _THING, _candle, _TABLE, 0.5,
            ("white", "red", "yellow", "green")),
    Subject("teapot", ("tea pot", "kettle"), _THING, _teapot, _TABLE, 0.5, (*BRIGHT, "white")),
    Subject("umbrella", ("parasol",), _THING, _umbrella, ("floor", "ground"), 0.7, BRIGHT),
    Subject("television", ("TV", "old television"), _THING, _television, _FLOOR, 0.7,
            ("brown", "red", "turquoise"), plural="televisions"),
    Subject("laptop", ("computer", "notebook computer"), _THING, _laptop, _TABLE, 0.6),
    Subject("telephone", ("phone",), _THING, _telephone, _TABLE, 0.5, BRIGHT),
    Subject("hat", ("fedora",), ("clothing",), _hat, _TABLE, 0.48, ("brown", "blue", "red", "white",
            "green")),
    Subject("shoe", ("sneaker",), ("clothing",), _shoe, ("floor", "table"), 0.48, BRIGHT),
    Subject("backpack", ("rucksack", "school bag"), _THING, _backpack, ("floor", "ground"), 0.55,
            BRIGHT),
    Subject("suitcase", ("travel case",), _THING, _suitcase, ("floor", "ground"), 0.55, PAINT),
    Subject("camera", ("photo camera",), _THING, _camera, _TABLE, 0.48,
            ("black", "red", "silver", "turquoise")),
    Subject("gift box", ("present", "gift"), _THING, _gift, ("table", "floor"), 0.5, BRIGHT,
            plural="gift boxes"),
    Subject("teddy bear", ("teddy",), ("toy",), _teddy_bear, ("floor", "table"), 0.5,
            ("brown", "golden", "pink", "white")),
    Subject("balloon", ("party balloon",), ("toy",), _balloon, ("floor", "air"), 0.5, BRIGHT),
    Subject("pair of glasses", ("pair of spectacles",), _THING, _glasses, _TABLE, 0.45,
            ("black", "red", "blue"), plural="pairs of glasses"),
    Subject("key", ("brass key",), _THING, _key, _TABLE, 0.45),
    Subject("telescope", (), _THING, _telescope, ("ground", "floor"), 0.75,
            ("blue", "red", "white", "black")),
)

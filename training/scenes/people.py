"""People: one figure, varied by hair, clothes and what it does."""

from __future__ import annotations

from dataclasses import dataclass

from .brush import Brush, Point
from .colour import NAMED, WHITE, Colour, darken, lighten, rgb
from .subject import BRIGHT, PAINT, Draw, Subject

# Points read better in rows than one on each line.
# fmt: off

SKINS = (rgb("f3cfae"), rgb("e0a97e"), rgb("b97a50"), rgb("7d4e33"))
HAIRS = (rgb("2c2224"), rgb("5b3a25"), rgb("c99544"), rgb("9a4a22"))
SHOES: Colour = rgb("3a3136")


@dataclass(frozen=True)
class Figure:
    """A pose: limbs as (elbow, hand) and (knee, foot), clothes and what is worn or held."""

    hair: str = "short"
    clothes: str = "shirt"
    head: float = 9.5
    arms: tuple[tuple[Point, Point], tuple[Point, Point]] = (
        ((-17, -52), (-18, -38)), ((17, -52), (18, -38)))
    legs: tuple[tuple[Point, Point], tuple[Point, Point]] = (
        ((-7, -20), (-8, -2)), ((7, -20), (8, -2)))
    extra: str = ""


def _legs(brush: Brush, figure: Figure, trousers: Colour, skin: Colour) -> None:
    tone = skin if figure.clothes == "dress" else trousers
    for side, (knee, foot) in zip((-1, 1), figure.legs, strict=True):
        brush.line(((side * 5, -42), knee, foot), darken(tone, 0.1), 7.5)
        brush.oval(foot[0] + 3, foot[1] - 0.5, 6, 3.2, SHOES)


def _torso(brush: Brush, figure: Figure, colour: Colour) -> None:
    if figure.clothes == "dress":
        brush.blob(((-9, -70), (9, -70), (10, -52), (21, -20), (0, -16), (-21, -20), (-10, -52)),
                   colour)
    else:
        brush.blob(((-12, -71), (0, -73), (12, -71), (13, -52), (12, -37), (0, -35), (-12, -37),
                    (-13, -52)), colour)
    if figure.clothes == "coat":
        brush.box(-13, -48, 26, 18, colour, 3)
        brush.mark(((0, -70), (0, -31)), darken(colour, 0.4), 0.8)
        for y in (-62, -52, -42):
            brush.dot(3, y, 1.2, lighten(colour, 0.6))


def _arms(brush: Brush, figure: Figure, colour: Colour, skin: Colour) -> None:
    for side, (elbow, hand) in zip((-1, 1), figure.arms, strict=True):
        brush.line(((side * 11, -67), elbow, hand), darken(colour, 0.12), 6)
        brush.oval(hand[0], hand[1], 3.4, 3.4, skin)


def _hair(brush: Brush, figure: Figure, y: float, hair: Colour) -> None:
    size = figure.head
    if figure.hair == "long":
        brush.blob(((-size * 1.15, y), (-size * 0.8, y - size), (size * 0.8, y - size),
                    (size * 1.15, y), (size * 1.2, y + size * 1.7), (0, y + size),
                    (-size * 1.2, y + size * 1.7)), hair)
    elif figure.hair == "tails":
        for dx in (-1, 1):
            brush.oval(dx * size * 1.3, y + size * 0.3, size * 0.42, size * 0.9, hair, dx * -14)


def _face(brush: Brush, figure: Figure, y: float, skin: Colour, hair: Colour) -> None:
    size = figure.head
    brush.oval(0, y, size, size * 1.06, skin)
    for dx in (-0.36, 0.36):
        brush.dot(dx * size, y - size * 0.02, size * 0.11, (0.1, 0.08, 0.1))
        brush.soft(dx * 1.5 * size, y + size * 0.4, 2.4, 1.8, rgb("e06060"), 0.5)
    brush.mark(((-size * 0.34, y + size * 0.45), (0, y + size * 0.6),
                (size * 0.34, y + size * 0.45)), darken(skin, 0.6), 0.9)
    if figure.hair != "none":
        brush.blob(((-size * 1.02, y - size * 0.1), (-size * 0.8, y - size * 0.95),
                    (0, y - size * 1.25), (size * 0.8, y - size * 0.95),
                    (size * 1.02, y - size * 0.1), (size * 0.4, y - size * 0.55),
                    (-size * 0.4, y - size * 0.5)), hair)


def _hat(brush: Brush, figure: Figure, y: float, colour: Colour) -> None:
    size = figure.head
    if figure.extra == "straw hat":
        brush.oval(0, y - size * 0.6, size * 1.9, size * 0.4, rgb("e2c06c"))
        brush.oval(0, y - size * 0.95, size * 0.9, size * 0.6, rgb("e2c06c"))
    elif figure.extra == "cook":
        for dx in (-6, 0, 6):
            brush.oval(dx, y - size * 1.9, 7, 7, WHITE)
        brush.box(-size * 0.9, y - size * 1.6, size * 1.8, size * 0.9, WHITE)
    elif figure.extra in {"skis", "cap"}:
        brush.blob(((-size, y - size * 0.3), (0, y - size * 1.7), (size, y - size * 0.3)), colour)
        brush.oval(0, y - size * 1.6, 3, 3, WHITE)
    elif figure.extra == "astronaut":
        brush.oval(0, y, size * 1.5, size * 1.5, rgb("e8edf2"))
        brush.oval(0, y, size * 1.15, size * 1.05, rgb("31405f"))
        brush.shine(-4, y - 4, 5, 4, 0.7)


def _props_behind(brush: Brush, figure: Figure, colour: Colour) -> None:
    if figure.extra == "skis":
        for dx in (-8, 8):
            brush.line(((dx - 14, 0), (dx + 14, 0), (dx + 20, -5)), NAMED["blue"], 2.4)
            brush.straight((dx * 2.6, -44), (dx * 3.2, 0), rgb("555566"), 1.2)
    elif figure.extra == "surf":
        brush.blob(((-48, -4), (0, -7), (48, -10), (20, 3), (-24, 3)), NAMED["yellow"])
    elif figure.extra == "umbrella":
        brush.straight((18, -40), (18, -112), rgb("4b3b36"), 1.8)
        brush.blob(((-22, -100), (0, -124), (18, -130), (40, -122), (58, -100), (18, -106)),
                   NAMED[brush.rng.choice(("red", "blue", "yellow", "purple"))])
    elif figure.extra == "astronaut":
        brush.box(-16, -74, 32, 34, rgb("9aa3b0"), 4)


def _props_front(brush: Brush, figure: Figure, colour: Colour) -> None:
    if figure.extra == "guitar":
        brush.straight((2, -46), (36, -66), rgb("5a3a22"), 3)
        brush.oval(-6, -42, 11, 9, rgb("c9822f"), -30)
        brush.dot(-4, -43, 3, rgb("3a2415"))
    elif figure.extra == "ball":
        brush.oval(30, -9, 9, 9, WHITE)
        brush.dot(30, -9, 3, rgb("222228"))
    elif figure.extra == "book":
        brush.poly(((-16, -52), (0, -48), (16, -52), (16, -36), (0, -32), (-16, -36)),
                   NAMED["red"])
        brush.poly(((-13, -53), (0, -49), (13, -53), (13, -39), (0, -35), (-13, -39)), WHITE)
    elif figure.extra == "cook":
        brush.blob(((-8, -62), (8, -62), (11, -24), (-11, -24)), WHITE)


def person(figure: Figure) -> Draw:
    """A function that draws this figure in clothes of the given colour."""

    def draw(brush: Brush, colour: Colour) -> None:
        rng = brush.rng
        suit = figure.extra == "astronaut"
        skin = rgb("e8edf2") if suit else rng.choice(SKINS)
        trousers = rgb("e8edf2") if suit else rng.choice(
            (rgb("34425e"), rgb("4c4a52"), rgb("7d6a52")))
        top = rgb("e8edf2") if suit else colour
        hair, y = rng.choice(HAIRS), -73 - figure.head * 1.05
        _props_behind(brush, figure, colour)
        _hair(brush, figure, y, hair)
        _legs(brush, figure, trousers, skin)
        _torso(brush, figure, top)
        brush.line(((0, -70), (0, -75)), skin, 6)
        _face(brush, figure, y, skin, hair)
        _hat(brush, figure, y, colour)
        _props_front(brush, figure, colour)
        _arms(brush, figure, top, skin)

    return draw


_STRIDE = (((-14, -24), (-26, -14)), ((12, -28), (18, -4)))
_SWING = (((-20, -58), (-12, -44)), ((19, -56), (25, -68)))
_UP = (((-20, -76), (-24, -94)), ((20, -76), (24, -94)))
_HOLD = (((-16, -52), (-8, -42)), ((18, -56), (18, -46)))
_READ = (((-17, -54), (-12, -44)), ((17, -54), (12, -44)))
_CROUCH = (((-14, -26), (-10, -8)), ((12, -28), (14, -9)))

MAN = Figure()
WOMAN = Figure(hair="long", clothes="dress")
BOY = Figure(head=13, extra="ball")
GIRL = Figure(hair="tails", clothes="dress", head=13)

_OPEN, _ANY, _ONE = ("ground",), ("ground", "floor"), ("person",)

SUBJECTS = (
    Subject("man", ("guy", "gentleman"), _ONE, person(MAN), _ANY, 0.9, PAINT, wears=True,
            doing=("standing", "waiting")),
    Subject("woman", ("lady",), _ONE, person(WOMAN), _ANY, 0.9, PAINT, wears=True,
            doing=("standing", "waiting")),
    Subject("boy", ("child", "kid"), _ONE, person(BOY), _ANY, 0.65, BRIGHT, wears=True,
            doing=("playing", "standing")),
    Subject("girl", ("child", "kid"), _ONE, person(GIRL), _ANY, 0.65, BRIGHT, wears=True,
            doing=("playing", "standing")),
    Subject("runner", ("jogger", "running man"), ("person", "athlete"),
            person(Figure(arms=_SWING, legs=_STRIDE)), _OPEN, 0.85, BRIGHT, wears=True,
            doing=("running",)),
    Subject("dancer", ("ballerina", "dancing woman"), _ONE,
            person(Figure(hair="long", clothes="dress", arms=_UP, legs=_STRIDE)), _ANY, 0.9, BRIGHT,
            wears=True, doing=("dancing",)),
    Subject("person with an umbrella", ("someone with an umbrella",), _ONE,
            person(Figure(clothes="coat", arms=_HOLD, extra="umbrella")), _OPEN, 0.85, PAINT,
            plural="people with umbrellas", wears=True, doing=("standing", "waiting")),
    Subject("guitar player", ("musician", "man playing the guitar"), ("person", "musician"),
            person(Figure(arms=_HOLD, extra="guitar")), _ANY, 0.85, PAINT, wears=True,
            plural="guitar players"),
    Subject("reader", ("woman reading a book", "person reading a book"), _ONE,
            person(Figure(hair="long", arms=_READ, extra="book")), _ANY, 0.85, BRIGHT, wears=True),
    Subject("farmer", (), _ONE, person(Figure(clothes="coat", extra="straw hat")), _OPEN, 0.85,
            ("red", "blue", "green"), wears=True),
    Subject("cook", ("chef",), _ONE, person(Figure(arms=_HOLD, extra="cook")), ("floor",), 0.9,
            ("white", "blue", "red"), wears=True, doing=("cooking",)),
    Subject("skier", (), ("person", "athlete"),
            person(Figure(clothes="coat", arms=_HOLD, legs=_CROUCH, extra="skis")), ("snow",), 0.8,
            BRIGHT, wears=True, doing=("skiing",)),
    Subject("surfer", (), ("person", "athlete"),
            person(Figure(arms=_SWING, legs=_CROUCH, extra="surf")), ("water",), 0.75, BRIGHT,
            wears=True, doing=("surfing",)),
    Subject("astronaut", ("spaceman",), _ONE,
            person(Figure(hair="none", arms=_SWING, extra="astronaut")), ("space",), 0.85,
            doing=("floating",)),
)

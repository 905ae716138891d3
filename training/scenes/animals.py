"""Animals that walk: one body plan, varied by its proportions."""

from __future__ import annotations

from dataclasses import dataclass

from .brush import Brush, Point, smooth
from .colour import BLACK, NAMED, WHITE, Colour, darken, lighten, luminance, rgb
from .subject import FUR, Draw, Subject

# Points read better in rows than one on each line.
# fmt: off

PINK: Colour = rgb("f2a9b0")


@dataclass(frozen=True)
class Build:
    """Proportions in units of the box: the animal faces right."""

    back: float = 58
    belly: float = 30
    length: float = 62
    leg: float = 7
    head: Point = (32, 72)
    skull: float = 13
    muzzle: float = 10
    neck: float = 14
    ears: str = "pointed"
    tail: str = "curl"
    coat: str = "plain"
    extra: str = ""


def _legs(brush: Brush, build: Build, colour: Colour) -> None:
    rear, front = -build.length * 0.36, build.length * 0.32
    hip = -(build.belly + 8)
    hoof = darken(colour, 0.45)
    for x, shade in ((rear + 7, 0.3), (front - 7, 0.3), (rear, 0.0), (front, 0.0)):
        tone = darken(colour, shade)
        brush.line(((x, hip), (x + 1.5, hip * 0.5), (x, -build.leg * 0.4)), tone, build.leg)
        brush.box(x - build.leg * 0.5, -build.leg * 0.55, build.leg * 1.25, build.leg * 0.55,
                  darken(tone, 0.35) if build.leg < 9 else hoof, 2)


def _body_points(build: Build) -> tuple[Point, ...]:
    half, back, belly = build.length / 2, build.back, build.belly
    return ((-half, -(back * 0.9)), (-half * 0.4, -back), (half * 0.4, -back * 0.97),
            (half, -back * 0.93), (half * 1.02, -(belly + 9)), (half * 0.4, -belly),
            (-half * 0.4, -(belly + 3)), (-half * 0.98, -(belly + 8)))


def _tail(brush: Brush, build: Build, colour: Colour) -> None:
    x, y = -build.length / 2, -build.back * 0.88
    if build.tail == "curl":
        brush.line(((x + 2, y + 3), (x - 9, y - 3), (x - 11, y - 17), (x - 5, y - 22)), colour, 4.5)
    elif build.tail == "long":
        brush.line(((x + 1, y + 3), (x - 8, y + 10), (x - 9, y + 28)), colour, 2.6)
        brush.oval(x - 9, y + 30, 3, 6, darken(colour, 0.4))
    elif build.tail == "bushy":
        brush.blob(((x + 4, y + 4), (x - 8, y), (x - 20, y - 16), (x - 15, y - 27),
                    (x - 6, y - 12), (x + 5, y - 3)), colour)
        brush.blob(((x - 19, y - 15), (x - 15, y - 27), (x - 10, y - 20)), lighten(colour, 0.75))
    elif build.tail == "mane":
        brush.blob(((x + 3, y), (x - 8, y + 4), (x - 11, y + 30), (x - 4, y + 30), (x, y + 12)),
                   darken(colour, 0.45))
    elif build.tail == "puff":
        brush.oval(x, y + 8, 7, 7, lighten(colour, 0.7))
    elif build.tail == "pig":
        brush.arc(x - 3, y + 6, 4, (60, 290), colour, 2)


def _coat(brush: Brush, build: Build, colour: Colour) -> None:
    rng, half = brush.rng, build.length / 2
    middle = -(build.back + build.belly) / 2
    if build.coat == "patches":
        patch = NAMED["black"] if luminance(colour) > 0.4 else NAMED["white"]
        for x in (-half * 0.7, -half * 0.05, half * 0.6):
            brush.oval(x + rng.uniform(-3, 3), middle - rng.uniform(-5, 9), 9, 8, patch)
    elif build.coat == "stripes":
        for step in range(7):
            x = -half * 0.85 + step * half * 0.28
            brush.line(((x, -build.back - 3), (x - 2, middle), (x + 1, -build.belly)), BLACK, 2.8)
    elif build.coat == "spots":
        for _ in range(26):
            spot = (rng.uniform(-half, half), rng.uniform(-build.back, -build.belly))
            brush.oval(*spot, 3.4, 3.0, rgb("9a5a22"))
    elif build.coat == "fleece":
        for step in range(26):
            x = -half * 0.95 + (step % 7) * half * 0.32
            brush.oval(x, -build.belly - 4 - (step // 7) * 8, 7.5, 7, lighten(colour, 0.05))


def _ears(brush: Brush, build: Build, colour: Colour) -> None:
    x, y, size = build.head[0], -build.head[1], build.skull
    if build.ears == "pointed":
        for dx in (-0.75, 0.2):
            left = x + size * dx
            brush.poly(((left, y - size * 0.6), (left + size * 0.15, y - size * 1.6),
                        (left + size * 0.6, y - size * 0.7)), colour)
    elif build.ears == "round":
        for dx in (-0.7, 0.45):
            brush.oval(x + size * dx, y - size * 0.85, size * 0.36, size * 0.36, colour)
            brush.oval(x + size * dx, y - size * 0.82, size * 0.18, size * 0.18, PINK)
    elif build.ears == "floppy":
        brush.oval(x - size * 0.55, y + size * 0.1, size * 0.32, size * 0.85,
                   darken(colour, 0.35), 14)
    elif build.ears == "long":
        for dx, angle in ((-0.45, -16), (0.1, 4)):
            brush.oval(x + size * dx, y - size * 1.8, size * 0.27, size * 1.15, colour, angle)
            brush.oval(x + size * dx, y - size * 1.8, size * 0.13, size * 0.85, PINK, angle)
    elif build.ears == "side":
        brush.oval(x - size * 0.9, y - size * 0.5, size * 0.5, size * 0.25, colour, 20)


def _extras(brush: Brush, build: Build, colour: Colour) -> None:
    x, y, size = build.head[0], -build.head[1], build.skull
    if build.extra == "horns":
        for dx in (-0.4, 0.35):
            brush.line(((x + dx * size, y - size * 0.7), (x + dx * size * 1.9, y - size * 1.2),
                        (x + dx * size * 1.7, y - size * 1.7)), rgb("efe3c2"), 3)
    elif build.extra == "antlers":
        for dx in (-1, 1):
            top = (x + dx * 11, y - 34)
            brush.line(((x + dx * 2, y - 8), (x + dx * 10, y - 20), top), rgb("7b5a3a"), 2.4)
            for step in (16, 24):
                brush.line(((x + dx * 8, y - step), (x + dx * 16, y - step - 8)),
                           rgb("7b5a3a"), 1.9)
    elif build.extra == "mane":
        brush.line(((x - size, y - size * 0.7), (x - size * 1.5, y + size),
                    (x - size * 1.8, y + size * 2)), darken(colour, 0.5), 6)
    elif build.extra == "whiskers":
        for dy in (-2, 1, 4):
            brush.mark(((x + size * 0.5, y + 4), (x + size * 1.5, y + 3 + dy)), WHITE, 0.6)


def _head(brush: Brush, build: Build, colour: Colour) -> None:
    x, y, size = build.head[0], -build.head[1], build.skull
    if build.extra == "lion":
        for step in range(3):
            brush.oval(x - 3, y + 2, 23 - step * 3, 24 - step * 3, darken(rgb("a85a1c"), step / 9))
    _ears(brush, build, colour)
    brush.oval(x, y, size, size * 0.92, colour)
    pale = PINK if build.extra == "snout" else lighten(colour, 0.3)
    brush.oval(x + size * 0.7, y + size * 0.32, build.muzzle, size * 0.5, pale, 12)
    nose = x + size * 0.7 + build.muzzle * 0.8
    brush.oval(nose, y + size * 0.28, size * 0.2, size * 0.16, darken(pale, 0.8))
    brush.mark(((nose - 5, y + size * 0.62), (nose - 2, y + size * 0.62)), darken(pale, 0.7), 1)
    brush.eye(x + size * 0.28, y - size * 0.18, size * 0.17)
    _extras(brush, build, colour)


def walker(build: Build) -> Draw:
    """A function that draws the four-legged animal of this build."""

    def draw(brush: Brush, colour: Colour) -> None:
        half = build.length / 2
        _tail(brush, build, colour)
        _legs(brush, build, colour)
        body = _body_points(build)
        brush.blob(body, colour)
        with brush.inside(smooth(body, closed=True)):
            _coat(brush, build, colour)
        shoulder, nape = (half - 8, -build.back + 6), (build.head[0] - 3, -build.head[1] + 5)
        middle = ((shoulder[0] + nape[0]) / 2 + 2, (shoulder[1] + nape[1]) / 2)
        brush.line((shoulder, middle, nape), colour, build.neck)
        _head(brush, build, colour)

    return draw


def _elephant(brush: Brush, colour: Colour) -> None:
    walker(Build(back=82, belly=36, length=72, leg=15, head=(36, 66), skull=18, muzzle=5, neck=26,
                 ears="", tail="long"))(brush, colour)
    brush.line(((46, -62), (53, -44), (50, -22), (56, -14)), colour, 8)
    brush.oval(22, -66, 13, 19, darken(colour, 0.14), -8)
    brush.line(((43, -50), (51, -44), (58, -46)), rgb("f7f0dc"), 3.4)
    brush.eye(42, -72, 2.2)


_DOG = Build(back=56, belly=30, head=(30, 71), ears="floppy", tail="curl")
_CAT = Build(back=50, belly=27, length=58, leg=6, head=(27, 62), skull=14, muzzle=5,
             extra="whiskers")
_HORSE = Build(back=66, belly=40, length=66, leg=7, head=(40, 88), skull=9, muzzle=13, neck=15,
               tail="mane", extra="mane")
_COW = Build(back=66, belly=32, length=74, leg=8, head=(41, 68), skull=12, muzzle=10, ears="side",
             tail="long", coat="patches", extra="horns", neck=18)
_SHEEP = Build(back=60, belly=28, length=62, leg=6, head=(33, 58), skull=10, muzzle=7, ears="side",
               tail="puff", coat="fleece")
_PIG = Build(back=58, belly=20, length=70, leg=8, head=(32, 48), skull=15, muzzle=9, neck=26,
             tail="pig", extra="snout")
_GIRAFFE = Build(back=54, belly=38, length=42, leg=5, head=(30, 95), skull=6, muzzle=8, neck=8,
                 ears="side", tail="long", coat="spots", extra="horns")
_LION = Build(back=58, belly=30, length=66, leg=8, head=(30, 68), skull=15, muzzle=9, ears="round",
              tail="long", extra="lion")
_TIGER = Build(back=56, belly=30, length=68, leg=8, head=(33, 64), skull=14, muzzle=9,
               ears="round", tail="long", coat="stripes")
_BEAR = Build(back=68, belly=26, length=72, leg=13, head=(33, 68), skull=16, muzzle=10, neck=26,
              ears="round", tail="")
_RABBIT = Build(back=50, belly=14, length=46, leg=7, head=(20, 52), skull=13, muzzle=6, ears="long",
                tail="puff")
_FOX = Build(back=46, belly=28, length=52, leg=5, head=(28, 58), skull=12, muzzle=12, tail="bushy")
_ZEBRA = Build(back=64, belly=38, length=62, leg=6, head=(37, 84), skull=9, muzzle=12, neck=15,
               tail="mane", coat="stripes", extra="mane")
_DEER = Build(back=58, belly=38, length=50, leg=4.5, head=(31, 78), skull=8, muzzle=9, neck=10,
              ears="side", tail="puff", extra="antlers")
_MOUSE = Build(back=42, belly=10, length=52, leg=5, head=(28, 34), skull=14, muzzle=9, ears="round",
               tail="curl", neck=20)


def _camel(brush: Brush, colour: Colour) -> None:
    for x in (-15, 10):
        brush.oval(x, -66, 12, 15, darken(colour, 0.08))
    walker(Build(back=64, belly=40, length=62, leg=6, head=(42, 88), skull=8, muzzle=10, neck=10,
                 ears="side", tail="long"))(brush, colour)


_OPEN = ("ground",)
_PETS = ("ground", "floor")
_PET_LIKES = ("sitting", "standing", "waiting", "resting")

SUBJECTS = (
    Subject("dog", ("puppy", "hound", "doggy"), ("animal", "pet"), walker(_DOG), _PETS, 0.62, FUR,
            doing=(*_PET_LIKES, "playing")),
    Subject("cat", ("kitten", "kitty"), ("animal", "pet"), walker(_CAT), _PETS, 0.55,
            (*FUR, "orange"), doing=_PET_LIKES),
    Subject("horse", ("pony", "stallion"), ("animal",), walker(_HORSE), _OPEN, 1.0, FUR),
    Subject("cow", ("cattle", "dairy cow"), ("animal",), walker(_COW), _OPEN, 0.9,
            ("white", "brown"), doing=("grazing", "standing")),
    Subject("sheep", ("lamb",), ("animal",), walker(_SHEEP), _OPEN, 0.62, (), "white",
            doing=("grazing", "standing")),
    Subject("pig", ("piglet", "hog"), ("animal",), walker(_PIG), _OPEN, 0.6, (), "pink"),
    Subject("elephant", (), ("animal", "wild animal"), _elephant, _OPEN, 1.15),
    Subject("giraffe", (), ("animal", "wild animal"), walker(_GIRAFFE), _OPEN, 1.3, (), "golden"),
    Subject("lion", (), ("animal", "wild animal", "big cat"), walker(_LION), _OPEN, 0.8, (),
            "golden"),
    Subject("tiger", (), ("animal", "wild animal", "big cat"), walker(_TIGER), _OPEN, 0.8, (),
            "orange"),
    Subject("bear", (), ("animal", "wild animal"), walker(_BEAR), _OPEN, 0.9,
            ("brown", "black", "white")),
    Subject("rabbit", ("bunny", "hare"), ("animal", "pet"), walker(_RABBIT), _PETS, 0.5,
            ("white", "brown", "grey")),
    Subject("fox", (), ("animal", "wild animal"), walker(_FOX), _OPEN, 0.6, (), "orange"),
    Subject("zebra", (), ("animal", "wild animal"), walker(_ZEBRA), _OPEN, 0.95, (), "white"),
    Subject("deer", ("stag", "reindeer"), ("animal", "wild animal"), walker(_DEER), _OPEN, 0.9, (),
            "brown", plural="deer"),
    Subject("mouse", ("rat",), ("animal",), walker(_MOUSE), ("ground", "floor", "table"), 0.42,
            ("grey", "white", "brown")),
    Subject("camel", (), ("animal",), _camel, _OPEN, 1.0, (), "golden"),
)

"""Colours by name, and mixing them. A colour is (red, green, blue), each in [0, 1]."""

from __future__ import annotations

import skia

Colour = tuple[float, float, float]

WHITE: Colour = (1.0, 1.0, 1.0)
BLACK: Colour = (0.0, 0.0, 0.0)
INK: Colour = (0.13, 0.12, 0.16)


def rgb(code: str) -> Colour:
    """The colour written as six hexadecimal digits, such as `ff8800`."""
    return (int(code[0:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:6], 16) / 255)


NAMED: dict[str, Colour] = {
    "red": rgb("d92b2b"),
    "orange": rgb("f08220"),
    "yellow": rgb("f5cc2f"),
    "green": rgb("3f9b45"),
    "blue": rgb("2f6fd0"),
    "light blue": rgb("7cc3ee"),
    "purple": rgb("8142b8"),
    "pink": rgb("f087b3"),
    "brown": rgb("865332"),
    "golden": rgb("dba54a"),
    "beige": rgb("dcc5a0"),
    "black": rgb("2b2a30"),
    "white": rgb("f6f3ee"),
    "grey": rgb("8d929b"),
    "silver": rgb("c3cad3"),
    "turquoise": rgb("35b8b0"),
}

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "grey": ("grey", "gray"),
    "purple": ("purple", "violet"),
    "golden": ("golden", "gold"),
    "turquoise": ("turquoise", "teal"),
    "beige": ("beige", "cream"),
}


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with `share` (0 to 1) of `second` in it."""
    keep = 1.0 - share
    return (
        first[0] * keep + second[0] * share,
        first[1] * keep + second[1] * share,
        first[2] * keep + second[2] * share,
    )


def lighten(colour: Colour, share: float) -> Colour:
    return mix(colour, WHITE, share)


def darken(colour: Colour, share: float) -> Colour:
    """Shadows lean towards a cool ink rather than to dead black."""
    return mix(colour, (0.06, 0.05, 0.14), share)


def luminance(colour: Colour) -> float:
    return 0.30 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def argb(colour: Colour, alpha: float = 1.0) -> int:
    """The colour as skia's 32-bit integer; `alpha` from 0 (clear) to 1 (opaque)."""
    red, green, blue = (min(255, max(0, round(channel * 255))) for channel in colour)
    return int(skia.Color(red, green, blue, min(255, max(0, round(alpha * 255)))))

"""The hour of the day, the weather, and what both do to a picture.

Pictures are 100 units high; (0, 0) is the upper left corner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import skia

from .brush import Brush, box_path, polygon
from .colour import WHITE, Colour, argb, darken, lighten, mix, rgb

# Points read better in rows than one on each line.
# fmt: off

HEIGHT = 100.0


@dataclass(frozen=True)
class Hour:
    """`grade` multiplies the finished picture; `haze` tints what is far away."""

    name: str
    words: tuple[str, ...]
    sky: tuple[Colour, Colour]
    grade: Colour
    haze: Colour
    dark: bool = False


HOURS: dict[str, Hour] = {hour.name: hour for hour in (
    Hour("dawn", ("at dawn", "at sunrise", "early in the morning"),
         (rgb("7d9ed6"), rgb("fbc9b4")), rgb("f4dfe6"), rgb("e9c3c4")),
    Hour("noon", ("at noon", "in the middle of the day", "in daylight", "by day"),
         (rgb("4a9be8"), rgb("d3ecfb")), WHITE, rgb("c4def0")),
    Hour("sunset", ("at sunset", "at dusk", "in the evening"),
         (rgb("5a4a8f"), rgb("fb9a4b")), rgb("f6c3a0"), rgb("e9915f")),
    Hour("night", ("at night", "by night", "in the dark"),
         (rgb("0b1436"), rgb("2c3f78")), rgb("8a96d2"), rgb("37487c"), dark=True),
)}

WEATHERS: dict[str, tuple[str, ...]] = {
    "clear": ("under a clear sky", "in fine weather"),
    "sun": ("in the sunshine", "on a sunny day", "in bright sun"),
    "clouds": ("under a cloudy sky", "on a cloudy day"),
    "rain": ("in the rain", "on a rainy day", "while it rains"),
    "snow": ("in falling snow", "while it is snowing", "on a snowy day"),
    "fog": ("in the fog", "on a foggy day", "in the mist"),
    "storm": ("in a thunderstorm", "in a storm with lightning", "under lightning"),
    "rainbow": ("under a rainbow", "with a rainbow in the sky"),
}
WEATHER_NAMES: dict[str, str] = {
    "clear": "clear sky", "sun": "sunshine", "clouds": "clouds", "rain": "rain",
    "snow": "falling snow", "fog": "fog", "storm": "thunderstorm", "rainbow": "rainbow",
}
_DULL = {"rain", "snow", "fog", "storm", "clouds"}


@dataclass(frozen=True)
class Stage:
    """What a setting needs to know: `width` in units (the height is 100), hour and weather."""

    width: float
    hour: Hour
    weather: str

    @property
    def snowy(self) -> bool:
        return self.weather == "snow"

    def soil(self, colour: Colour) -> Colour:
        """The colour of open ground, under snow where it snows."""
        return mix(colour, rgb("eef3f9"), 0.85) if self.snowy else colour

    def far(self, colour: Colour, share: float) -> Colour:
        """The colour of something distant: the air takes `share` of it."""
        return mix(colour, self.hour.haze, share)


def draw_sky(brush: Brush, stage: Stage) -> None:
    top, bottom = stage.hour.sky
    if stage.weather in _DULL:
        grey = rgb("4c5266") if stage.weather == "storm" else rgb("9aa5b4")
        share = 0.8 if stage.weather != "clouds" else 0.35
        top, bottom = mix(top, grey, share), mix(bottom, lighten(grey, 0.3), share)
    brush.wash(box_path(0, 0, stage.width, HEIGHT), top, bottom)
    if stage.hour.dark:
        _night_sky(brush, stage)
    elif stage.weather in {"clear", "sun", "rainbow"}:
        _sun(brush, stage)
    _clouds(brush, stage)
    if stage.weather == "rainbow":
        _rainbow(brush, stage)
    elif stage.weather == "storm":
        _lightning(brush, stage)


def _sun(brush: Brush, stage: Stage) -> None:
    low = stage.hour.name != "noon"
    x = brush.rng.uniform(0.15, 0.85) * stage.width
    y, size = (54.0, 9.0) if low else (15.0, 7.0)
    tone = rgb("ffb347") if stage.hour.name == "sunset" else rgb("fff0b0")
    if stage.weather == "sun":
        size += 3
        for step in range(12):
            turn = math.radians(step * 30)
            near, far = size + 3, size + 8
            brush.straight((x + math.cos(turn) * near, y + math.sin(turn) * near),
                           (x + math.cos(turn) * far, y + math.sin(turn) * far),
                           rgb("ffdc5e"), 1.2)
    brush.soft(x, y, size * 4, size * 4, tone, 0.6)
    brush.oval(x, y, size, size, mix(tone, rgb("ffd84a"), 0.5))


def _night_sky(brush: Brush, stage: Stage) -> None:
    rng = brush.rng
    clear = stage.weather not in _DULL
    for _ in range(60 if clear else 0):
        x, y = rng.uniform(0, stage.width), rng.uniform(0, 60)
        brush.glow(x, y, rng.uniform(0.5, 1.3), WHITE, rng.uniform(0.5, 1))
    x, y = rng.uniform(0.15, 0.85) * stage.width, rng.uniform(12, 22)
    if clear or stage.weather == "snow":
        moon = rgb("fbf3d0")
        brush.oval(x, y, 6.5, 6.5, moon)
        brush.oval(x - 2, y - 1, 1.4, 1.2, darken(moon, 0.12))
        brush.oval(x + 2, y + 2.4, 1, 1, darken(moon, 0.12))
        brush.glow(x, y, 9, moon, 0.9)
        brush.glow(x, y, 26, rgb("9fb4ff"), 0.3)


def _clouds(brush: Brush, stage: Stage) -> None:
    rng = brush.rng
    many = {"clouds": 7, "storm": 8, "rain": 6, "snow": 5}.get(stage.weather, rng.randint(0, 3))
    tone = {"storm": rgb("565b70"), "rain": rgb("8f98a8")}.get(stage.weather, rgb("f7f8fb"))
    tone = mix(tone, stage.hour.sky[1], 0.3)
    for _ in range(many):
        _cloud(brush, rng.uniform(0, stage.width), rng.uniform(6, 32), rng.uniform(0.6, 1.3), tone)


def _cloud(brush: Brush, x: float, y: float, size: float, tone: Colour) -> None:
    points = ((-13, 3), (-12, -1), (-7, -2), (-4, -6.5), (3, -6), (6, -2.5), (11, -2), (13, 2.5),
              (6, 4), (-6, 4))
    brush.blob([(x + px * size, y + py * size) for px, py in points], tone)


def _rainbow(brush: Brush, stage: Stage) -> None:
    radius = min(stage.width, HEIGHT) * 0.62
    for step, code in enumerate(("e0483e", "f0923a", "f5d64a", "5bb558", "4c88d8", "8a56b8")):
        reach = radius - step * 2.2
        square = skia.Rect.MakeLTRB(stage.width / 2 - reach, 74 - reach, stage.width / 2 + reach,
                                    74 + reach)
        paint = skia.Paint(Color=argb(rgb(code), 0.75), AntiAlias=True, StrokeWidth=2.4,
                           Style=skia.Paint.kStroke_Style)
        brush.canvas.drawArc(square, 180, 180, False, paint)


def _lightning(brush: Brush, stage: Stage) -> None:
    x = brush.rng.uniform(0.2, 0.8) * stage.width
    brush.path(polygon(((x, 12), (x + 7, 12), (x + 2, 30), (x + 8, 30), (x - 4, 58), (x, 37),
                        (x - 5, 37))), rgb("ffe97a"))
    brush.glow(x, 32, 40, rgb("cfd8ff"), 0.7)


def draw_weather(brush: Brush, stage: Stage) -> None:
    """What falls or drifts in front of everything."""
    rng = brush.rng
    if stage.weather in {"rain", "storm"}:
        for _ in range(150):
            x, y, long = rng.uniform(-5, stage.width), rng.uniform(-5, 100), rng.uniform(3, 7)
            brush.canvas.drawLine(x, y, x - long * 0.28, y + long, _streak())
    elif stage.weather == "snow":
        for _ in range(130):
            flake = skia.Paint(Color=argb(WHITE, rng.uniform(0.7, 1)), AntiAlias=True)
            spot = (rng.uniform(0, stage.width), rng.uniform(0, 100))
            brush.canvas.drawCircle(*spot, rng.uniform(0.4, 1.3), flake)
    elif stage.weather == "fog":
        for _ in range(12):
            spot = (rng.uniform(0, stage.width), rng.uniform(30, 95))
            brush.soft(*spot, rng.uniform(30, 60), rng.uniform(7, 16), rgb("e6ebf0"), 0.6)


def _streak() -> skia.Paint:
    return skia.Paint(Color=argb(rgb("dbe8f5"), 0.7), AntiAlias=True, StrokeWidth=0.5)


def draw_light(brush: Brush, stage: Stage, width: int, height: int) -> None:
    """Tint the whole picture by its hour, then add what shines by itself."""
    canvas = brush.canvas
    canvas.save()
    canvas.resetMatrix()
    if stage.hour.grade != WHITE:
        shade = skia.Paint(Color=argb(stage.hour.grade))
        shade.setBlendMode(skia.BlendMode.kMultiply)
        canvas.drawRect(skia.Rect.MakeWH(width, height), shade)
    if stage.hour.dark or stage.hour.name == "sunset" or stage.weather == "storm":
        for x, y, radius, colour, alpha in brush.glows:
            fade = [argb(colour, alpha), argb(colour, alpha * 0.35), argb(colour, 0)]
            light = skia.Paint(Shader=skia.GradientShader.MakeRadial((x, y), radius, fade,
                                                                     [0.0, 0.4, 1.0]))
            light.setBlendMode(skia.BlendMode.kScreen)
            canvas.drawCircle(x, y, radius, light)
    canvas.restore()

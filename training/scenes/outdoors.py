"""Places under the open sky."""

from __future__ import annotations

import math

from . import buildings
from .brush import Brush, box_path, smooth
from .colour import WHITE, Colour, darken, lighten, mix, rgb
from .setting import Setting
from .sky import Stage, draw_sky
from .terrain import ground, hills, ripples, scatter, stand

# Points read better in rows than one on each line.
# fmt: off

GRASS: Colour = rgb("79b356")
SAND: Colour = rgb("ecd3a0")
WATER: Colour = rgb("3f8fc4")


def _beach(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    brush.wash(box_path(0, 56, stage.width, 20), darken(WATER, 0.1), lighten(WATER, 0.4))
    ripples(brush, stage, 58, WATER)
    shore = [(stage.width * step / 6, 71 + 1.6 * math.sin(step * 1.7)) for step in range(-1, 8)]
    for drop, tone in ((0.0, WHITE), (1.8, darken(SAND, 0.12)), (3.4, SAND)):
        line = [(x, y + drop) for x, y in shore]
        brush.wash(smooth([*line, (stage.width + 20, 130), (-20, 130)], closed=True), tone,
                   stage.soil(darken(tone, 0.12)))
    stand(brush, stage.width * brush.rng.choice((0.06, 0.94)), 84, 0.62, "palm")
    for _ in range(16):
        brush.dot(brush.rng.uniform(0, stage.width), brush.rng.uniform(80, 99), 0.5,
                  brush.tone(darken(SAND, 0.25)))


def _forest(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    hills(brush, stage, 56, 3, stage.far(rgb("4c7f5f"), 0.5))
    for row, (y, scale) in enumerate(((64, 0.4), (71, 0.55), (78, 0.72))):
        if row == 2:
            ground(brush, stage, 68, rgb("5f8d45"))
        for _ in range(7 if row < 2 else 4):
            kind = brush.rng.choice(("fir", "tree"))
            stand(brush, brush.rng.uniform(0, stage.width), y, scale, kind)
    scatter(brush, stage, 76, rgb("3c6b30"), 60)


def _mountains(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    rng = brush.rng
    for layer, (foot, high) in enumerate(((62, 44), (68, 34))):
        for index in range(4):
            x = stage.width * (index + rng.uniform(0.1, 0.6) - layer * 0.4) / 3
            peak, half = foot - high * rng.uniform(0.7, 1.1), rng.uniform(22, 34)
            rock = stage.far(rgb("6b7488"), 0.45 - layer * 0.3)
            brush.poly(((x - half, foot + 6), (x, peak), (x + half, foot + 6)), rock)
            cap = 0.3
            brush.poly(((x, peak), (x + half * cap, peak + (foot - peak) * cap),
                        (x + half * 0.1, peak + (foot - peak) * cap * 0.7),
                        (x - half * 0.06, peak + (foot - peak) * cap * 1.1),
                        (x - half * cap, peak + (foot - peak) * cap)), rgb("f2f5fa"))
    hills(brush, stage, 70, 2, stage.soil(rgb("6d9a5b")))
    ground(brush, stage, 74, rgb("7fae5a"))
    scatter(brush, stage, 76, rgb("4f7d3a"), 40)


def _city(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    rng = brush.rng
    for share, foot in ((0.55, 72), (0.12, 76)):
        x = -4.0
        while x < stage.width:
            wide, high = rng.uniform(9, 17), rng.uniform(22, 54) * (1 if share > 0.3 else 0.75)
            wall = rng.choice((rgb("8a7f86"), rgb("a9685a"), rgb("6f88a0"), rgb("c2a987")))
            brush.box(x, foot - high, wide, high, stage.far(wall, share))
            if share < 0.3:
                _lit_windows(brush, x, foot - high, wide, high)
            x += wide + rng.uniform(0, 2)
    brush.wash(box_path(0, 76, stage.width, 6), rgb("c9c4bc"), rgb("aaa59e"))
    brush.wash(box_path(0, 81, stage.width, 20), stage.soil(rgb("5f626a")), rgb("484a52"))
    for dash in range(-4, int(stage.width), 16):
        brush.box(dash, 94, 8, 1.4, rgb("efe6c0"))


def _lit_windows(brush: Brush, x: float, y: float, wide: float, high: float) -> None:
    for row in range(int(high // 6)):
        for column in range(int(wide // 4)):
            left, top = x + 1.6 + column * 3.8, y + 2.5 + row * 6
            brush.box(left, top, 2, 3, rgb("d8e9f3"))
            if brush.rng.random() < 0.55:
                brush.glow(left + 1, top + 1.5, 2.4, rgb("ffd27a"), 0.9)


def _desert(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    for y, rise, tone in ((60, 4, rgb("cf9256")), (68, 3, rgb("dfa765")), (77, 2, rgb("eaba78"))):
        hills(brush, stage, y, rise, stage.soil(stage.far(tone, (80 - y) / 60)))
    for y in (84, 90, 96):
        brush.mark([(x, y + math.sin(x * 0.3 + y)) for x in range(0, int(stage.width) + 8, 8)],
                   brush.tone(rgb("cf9c5c")), 0.4)
    with brush.placed(stage.width * brush.rng.choice((0.1, 0.9)), 76, 0.22):
        brush.line(((0, 0), (0, -50), (0, -90)), rgb("5c9a5e"), 16)
        brush.line(((0, -34), (26, -38), (27, -66)), rgb("5c9a5e"), 12)


def _meadow(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    hills(brush, stage, 62, 4, stage.soil(stage.far(rgb("6f9f66"), 0.35)))
    hills(brush, stage, 70, 3, stage.soil(rgb("86b95d")))
    ground(brush, stage, 74, rgb("8cc25c"))
    scatter(brush, stage, 74, rgb("4f8a35"), 90)
    for _ in range(0 if stage.snowy else 40):
        tone = brush.rng.choice((WHITE, rgb("f5d23c"), rgb("ef6f9c"), rgb("9d6fd0")))
        brush.dot(brush.rng.uniform(0, stage.width), brush.rng.uniform(77, 99), 0.75,
                  brush.tone(tone))


def _park(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    hills(brush, stage, 64, 2, stage.far(rgb("5d9a54"), 0.3))
    ground(brush, stage, 70, rgb("7fb955"))
    for x in (0.05, 0.3, 0.92):
        stand(brush, stage.width * x, 76, 0.5, "tree")
    path = ((stage.width * 0.52, 70), (stage.width * 0.42, 80), (stage.width * 0.2, 105),
            (stage.width * 0.85, 105), (stage.width * 0.6, 82), (stage.width * 0.56, 70))
    brush.wash(smooth(path, closed=True), stage.soil(rgb("ddc79b")), stage.soil(rgb("cbb182")))
    x = stage.width * 0.72
    for y in (71, 74, 78):
        brush.straight((x, y), (x + 18, y), rgb("8f5f36"), 1.5)
    for leg in (2, 16):
        brush.straight((x + leg, 78), (x + leg, 83), rgb("3d3f45"), 1.2)


def _farm(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    hills(brush, stage, 64, 3, stage.soil(stage.far(rgb("8fae5a"), 0.3)))
    ground(brush, stage, 70, rgb("c9b45a"))
    with brush.placed(stage.width * brush.rng.choice((0.2, 0.8)), 74, 0.34):
        buildings.barn(brush, rgb("b0392f"))
    for step in range(-3, 12):
        x = stage.width * step / 8
        brush.mark(((stage.width / 2 + (x - stage.width / 2) * 0.5, 72), (x, 100)),
                   brush.tone(stage.soil(rgb("a08c3c"))), 0.8)
    for x in range(0, int(stage.width) + 1, 11):
        brush.straight((x, 70), (x, 78), rgb("8a6844"), 1.2)
    for y in (72, 75.5):
        brush.straight((0, y), (stage.width, y), rgb("8a6844"), 1)


def _road(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    hills(brush, stage, 58, 4, stage.soil(stage.far(rgb("6f9f66"), 0.45)))
    ground(brush, stage, 64, rgb("93b560"))
    stand(brush, stage.width * 0.1, 68, 0.34, "tree")
    stand(brush, stage.width * 0.9, 67, 0.28, "fir")
    brush.wash(box_path(0, 76, stage.width, 24), rgb("6c6f77"), rgb("54565e"))
    for y in (77.5, 98):
        brush.box(-2, y, stage.width + 4, 0.9, rgb("f0efe8"))
    for x in range(-3, int(stage.width), 15):
        brush.box(x, 91, 8, 1.3, rgb("f4e9b0"))


def _lake(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    hills(brush, stage, 52, 6, stage.soil(stage.far(rgb("5b7f83"), 0.4)))
    for index in range(9):
        x = stage.width * (index + brush.rng.uniform(0, 0.8)) / 8
        stand(brush, x, 60, brush.rng.uniform(0.16, 0.26), "fir")
    brush.wash(box_path(0, 60, stage.width, 40), mix(WATER, stage.hour.sky[1], 0.45),
               darken(WATER, 0.25))
    ripples(brush, stage, 62, WATER)
    for x in (0.03, 0.08, 0.95):
        for lean in (-2, 0, 2):
            brush.line(((stage.width * x + lean, 100), (stage.width * x + lean * 2, 84)),
                       rgb("5c8a45"), 0.8)


def _sea(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    brush.wash(box_path(0, 60, stage.width, 40), mix(WATER, stage.hour.sky[1], 0.3),
               darken(rgb("1f5f9a"), 0.2))
    for y in (66, 74, 84, 95):
        step = 7 + (y - 60) * 0.25
        crest = [(x * step, y + (1.1 if x % 2 else -1.1) * (y - 56) / 22)
                 for x in range(-1, int(stage.width / step) + 3)]
        wave = smooth([*crest, (stage.width + 20, 130), (-20, 130)], closed=True)
        brush.path(wave, mix(rgb("4a97cd"), rgb("1b5590"), (y - 60) / 45))


def _snowfield(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    snow = rgb("eef3fa")
    hills(brush, stage, 60, 5, stage.far(snow, 0.3))
    for _ in range(6):
        stand(brush, brush.rng.uniform(0, stage.width), 68, brush.rng.uniform(0.24, 0.36), "fir")
    hills(brush, stage, 72, 2.5, snow)
    brush.wash(box_path(0, 80, stage.width, 20), snow, mix(snow, rgb("b9cbe4"), 0.5))
    for _ in range(10):
        brush.soft(brush.rng.uniform(0, stage.width), brush.rng.uniform(76, 98), 12, 2,
                   rgb("a9bfdd"), 0.5)


def _garden(brush: Brush, stage: Stage) -> None:
    draw_sky(brush, stage)
    ground(brush, stage, 68, rgb("74b552"))
    for left in range(-2, int(stage.width) + 6, 7):
        brush.poly(((left, 74), (left, 54), (left + 2.5, 51), (left + 5, 54), (left + 5, 74)),
                   rgb("f1efe8"))
    brush.box(-2, 60, stage.width + 4, 2.4, rgb("dcd8cd"))
    for _ in range(24):
        x, y = brush.rng.uniform(0, stage.width), brush.rng.uniform(71, 77)
        tone = brush.rng.choice((rgb("e94f64"), rgb("f6c83e"), rgb("b06fd0"), WHITE))
        brush.oval(x, y + 1.5, 2.4, 1.8, rgb("3f8538"))
        brush.oval(x, y, 1.5, 1.5, tone)
    scatter(brush, stage, 78, rgb("47832f"), 60)


SETTINGS = (
    Setting("beach", ("a beach", "the seaside", "a sandy beach"),
            ("on the beach", "on a sandy beach", "at the seaside"), _beach,
            ("ground", "air", "sand"),
            shows=("palm tree", "palm")),
    Setting("forest", ("a forest", "the woods"), ("in the forest", "in the woods"), _forest,
            ("ground",),
            shows=("tree", "fir tree")),
    Setting("mountains", ("mountains", "snowy peaks", "a mountain landscape"),
            ("in the mountains", "in front of snowy mountains", "below high peaks"), _mountains,
            ("ground", "air")),
    Setting("city", ("a city", "a city street", "a town"),
            ("in the city", "on a city street", "in town"), _city, ("ground",),
            shows=("building", "skyscraper")),
    Setting("desert", ("a desert", "sand dunes"), ("in the desert", "among sand dunes"), _desert,
            ("ground", "sand", "air"),
            shows=("cactus",)),
    Setting("meadow", ("a meadow", "a field of flowers", "a green field"),
            ("in a meadow", "in a green field", "among flowers in a field"), _meadow,
            ("ground", "air"),
            shows=("flower",)),
    Setting("park", ("a park", "a park with a bench"), ("in the park", "in a park"), _park,
            ("ground",),
            shows=("tree",)),
    Setting("farm", ("a farm", "a farm with a barn"), ("on a farm", "in a farmyard"), _farm,
            ("ground",),
            shows=("barn", "building")),
    Setting("road", ("a road", "a country road"), ("on the road", "on a country road"), _road,
            ("ground",), 90.0,
            shows=("tree",)),
    Setting("lake", ("a lake", "a calm lake"), ("on a lake", "on the lake"), _lake, ("water",),
            82.0,
            shows=("fir tree", "tree")),
    Setting("sea", ("the sea", "the ocean", "waves"), ("on the sea", "on the ocean", "at sea"),
            _sea, ("water", "air"), 82.0),
    Setting("snow", ("a snowy landscape", "a winter landscape"),
            ("in the snow", "in a snowy field", "in a winter landscape"), _snowfield,
            ("ground", "snow"),
            shows=("fir tree", "tree")),
    Setting("garden", ("a garden", "a garden with a white fence"),
            ("in the garden", "in a garden", "in front of a white fence"), _garden,
            ("ground", "air"),
            shows=("flower",)),
)

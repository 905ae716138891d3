"""From a scene to its pixels."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import skia

from .brush import Brush
from .catalogue import SETTINGS, SUBJECTS, habitat
from .colour import NAMED, rgb
from .scene import Scene
from .sky import HEIGHT, HOURS, Stage, draw_light, draw_weather
from .styles import STYLES
from .subject import Subject

Pixels = npt.NDArray[np.uint8]

_TALLNESS = 72.0
_SHRINK = {1: 1.0, 2: 0.84, 3: 0.72, 4: 0.64, 5: 0.58}
_SIZES = {"small": 0.55, "": 1.0, "big": 1.42}


@dataclass(frozen=True)
class Placement:
    """One subject on the stage: its foot at (x, y), `scale` picture units per box unit."""

    subject: Subject
    colour: str
    x: float
    y: float
    scale: float
    flip: bool


def _foot(scene: Scene, subject: Subject) -> float:
    place = SETTINGS[scene.setting]
    where = habitat(subject, place)
    if where == "air":
        return 62.0
    if where in {"under", "space"}:
        return 76.0
    return place.ground


def _scale(scene: Scene, subject: Subject, width: float) -> float:
    narrow = min(1.0, width / HEIGHT)
    wished = _TALLNESS / 100 * subject.size * SETTINGS[scene.setting].zoom * narrow
    return min(wished, (_foot(scene, subject) - 6) / 106, width / 112)


def _row(scene: Scene, width: float, rng: random.Random) -> list[Placement]:
    """`count` subjects side by side, staggered in depth when there are many."""
    subject, count = SUBJECTS[scene.subject], scene.count
    scale = _scale(scene, subject, width) * _SHRINK[count] * _SIZES[scene.size]
    foot, flip = _foot(scene, subject), rng.random() < 0.5
    placements = []
    for index in range(count):
        x = width * ((index + 0.5) / count if count > 1 else rng.uniform(0.4, 0.6))
        depth = (7 if index % 2 else -5) * (count > 2) + rng.uniform(-2, 2)
        floating = rng.uniform(-9, 9) if foot < 80 else 0.0
        near = 1 + depth / 60
        placements.append(
            Placement(
                subject,
                scene.colour,
                x + rng.uniform(-2, 2),
                foot + depth + floating,
                scale * near,
                flip,
            )
        )
    return placements


def _pair(scene: Scene, width: float, rng: random.Random) -> list[Placement]:
    """The subject and its companion, as their relation says."""
    first, second = SUBJECTS[scene.subject], SUBJECTS[scene.companion]
    scale, other = _scale(scene, first, width), _scale(scene, second, width)
    foot, flip = _foot(scene, first), rng.random() < 0.5
    if scene.relation == "front":
        side = rng.choice((-0.2, 0.2))
        return [
            Placement(
                second, scene.companion_colour, width * (0.5 - side * 0.7), foot - 7, other, flip
            ),
            Placement(first, scene.colour, width * (0.5 + side), foot + 5, scale * 0.78, flip),
        ]
    side = {"left": -0.23, "right": 0.23}.get(scene.relation, rng.choice((-0.23, 0.23)))
    return [
        Placement(
            second, scene.companion_colour, width * (0.5 - side), foot - 1, other * 0.78, flip
        ),
        Placement(first, scene.colour, width * (0.5 + side), foot + 2, scale * 0.82, not flip),
    ]


def place(scene: Scene, width: float, rng: random.Random) -> list[Placement]:
    """The subjects from back to front."""
    if not scene.subject:
        return []
    placements = _pair(scene, width, rng) if scene.companion else _row(scene, width, rng)
    return sorted(placements, key=lambda placement: placement.y)


def _draw_placed(brush: Brush, scene: Scene, placement: Placement) -> None:
    subject = placement.subject
    where = habitat(subject, SETTINGS[scene.setting])
    reach = placement.scale * 46
    if where in {"ground", "floor", "table", "snow", "sand"}:
        brush.shadow(placement.x + reach * 0.15, placement.y, reach * 1.05, reach * 0.16, 0.5)
    name = placement.colour or subject.own_colour
    with brush.placed(placement.x, placement.y, placement.scale, flip=placement.flip):
        subject.draw(brush, NAMED[name])
    if where == "water":
        _waterline(brush, placement, reach)


def _waterline(brush: Brush, placement: Placement, reach: float) -> None:
    foam = brush.tone(rgb("d9eef8"))
    brush.soft(placement.x, placement.y + 2, reach * 1.1, 4, rgb("1d4f7c"), 0.5)
    for dy, share in ((0.4, 1.0), (2.4, 0.8), (4.4, 0.55)):
        x, y, half = placement.x, placement.y + dy, reach * share
        brush.mark(
            (
                (x - half, y),
                (x - half * 0.3, y + 0.8),
                (x + half * 0.3, y - 0.4),
                (x + half, y + 0.4),
            ),
            foam,
            0.7,
        )


def draw_scene(scene: Scene, height: int) -> skia.Image:
    """The picture of a scene, `height` pixels high and `scene.aspect` times as wide."""
    width = max(1, round(height * scene.aspect))
    surface, style = skia.Surface(width, height), STYLES[scene.style]
    canvas, rng = surface.getCanvas(), random.Random(scene.seed * 7919 + 13)
    canvas.clear(skia.ColorWHITE)
    canvas.scale(height / HEIGHT, height / HEIGHT)
    brush = Brush(canvas, rng, style.shape, style.line, style.tone)
    stage = Stage(HEIGHT * scene.aspect, HOURS[scene.hour], scene.weather)
    SETTINGS[scene.setting].draw(brush, stage)
    if scene.weather == "fog":
        brush.wash_over(rgb("dfe5ea"), 0.45)
    for placement in place(scene, stage.width, rng):
        _draw_placed(brush, scene, placement)
    if SETTINGS[scene.setting].weather:
        draw_weather(brush, stage)
    draw_light(brush, stage, width, height)
    return style.finish(surface, scene.seed)


def pixels(image: skia.Image) -> Pixels:
    """The image as uint8 (height, width, 3), sRGB."""
    array: Pixels = image.toarray(colorType=skia.ColorType.kRGBA_8888_ColorType)
    return np.ascontiguousarray(array[:, :, :3])

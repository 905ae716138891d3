"""A scene: everything a picture shows, drawn at random or given."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from .catalogue import LARGE, SETTINGS, SETTINGS_OF, SUBJECTS, habitat
from .sky import HOURS, WEATHERS
from .styles import STYLES

COUNT_WORDS = ("no", "one", "two", "three", "four", "five")
HELD_OUT_SHARE = 10
_STYLE_WEIGHTS = {"painted": 5}
_WEATHER_WEIGHTS = {"clear": 6, "sun": 2}


@dataclass(frozen=True)
class Scene:
    """One picture in words: the same scene always gives the same picture.

    `subject` is empty for a landscape. `relation` places `companion` against the subject:
    `beside`, `left` (the subject is left of it), `right`, `front` (the subject is in front of it).
    `aspect` is width over height.
    """

    seed: int
    subject: str
    count: int
    colour: str
    size: str
    companion: str
    companion_colour: str
    relation: str
    setting: str
    hour: str
    weather: str
    style: str
    aspect: float

    @property
    def held_out(self) -> bool:
        """Whether this combination belongs to the gallery and is kept from training."""
        key = "|".join((self.subject, str(self.count), self.colour, self.setting, self.hour,
                        self.style))  # fmt: skip
        return hashlib.sha256(key.encode()).digest()[0] % HELD_OUT_SHARE == 0


def _weighted(rng: random.Random, names: tuple[str, ...], weights: dict[str, int]) -> str:
    return rng.choices(names, [weights.get(name, 1) for name in names])[0]


def _companion(rng: random.Random, subject: str, setting: str) -> tuple[str, str]:
    """A second thing for the picture and its relation to the first."""
    where = habitat(SUBJECTS[subject], SETTINGS[setting])
    options = [other for other in SUBJECTS if other != subject and setting in SETTINGS_OF[other]
               and habitat(SUBJECTS[other], SETTINGS[setting]) == where]  # fmt: skip
    large = [other for other in options if other in LARGE]
    if large and subject not in LARGE and rng.random() < 0.5:
        return rng.choice(large), "front"
    small = [other for other in options if other not in LARGE]
    if not small:
        return "", ""
    return rng.choice(small), rng.choice(("beside", "beside", "left", "right"))


def _colour(rng: random.Random, subject: str) -> str:
    colours = SUBJECTS[subject].colours if subject else ()
    return rng.choice(colours) if colours else ""


def sample_scene(
    seed: int, *, subject: str | None = None, styles: tuple[str, ...] = tuple(STYLES)
) -> Scene:
    """The scene of this seed; `subject` None draws one at random, "" asks for a landscape."""
    rng = random.Random(seed)
    if subject is None:
        subject = "" if rng.random() < 0.07 else rng.choice(tuple(SUBJECTS))
    open_air = tuple(name for name, place in SETTINGS.items() if place.weather)
    setting = rng.choice(SETTINGS_OF[subject] if subject else open_air)
    place = SETTINGS[setting]
    hour = "noon" if place.timeless else rng.choice(tuple(HOURS))
    weather = _weighted(rng, tuple(WEATHERS), _WEATHER_WEIGHTS) if place.weather else "clear"
    if hour == "night" and weather in {"sun", "rainbow"}:
        weather = "clear"
    count = rng.choices((1, 2, 3, 4, 5), (60, 14, 11, 8, 7))[0] if subject else 0
    if subject in LARGE:
        count = min(count, 3)
    companion, relation = "", ""
    if count == 1 and rng.random() < 0.32:
        companion, relation = _companion(rng, subject, setting)
    sizes = ("", "", "", "", "small", "big") if count == 1 and not companion else ("",)
    return Scene(
        seed, subject, count, _colour(rng, subject), rng.choice(sizes), companion,
        _colour(rng, companion), relation, setting, hour, weather,
        _weighted(rng, styles, _STYLE_WEIGHTS),
        rng.choice((1.0, 4 / 3, 3 / 2, 5 / 4, 3 / 4, 4 / 5)),
    )  # fmt: skip

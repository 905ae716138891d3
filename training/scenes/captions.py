"""Captions for scenes, composed the way people write them.

Every caption carries the facts it states, so that training can tell whether it would also be true
of another picture.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from .catalogue import SETTINGS, SUBJECTS
from .colour import COLOUR_WORDS
from .scene import COUNT_WORDS, Scene
from .sky import HOURS, WEATHER_NAMES, WEATHERS
from .styles import STYLES

PROMPTS = ("a photo of {}", "a picture of {}", "an image of {}", "a drawing of {}",
           "an illustration of {}", "a photo of the {}", "a good photo of {}", "there is {} here",
           "this is {}", "a close-up photo of {}", "a photo of one {}")  # fmt: skip


@dataclass(frozen=True)
class Caption:
    """`facts` are what the text claims, each `kind:value`, such as `is:dog`."""

    text: str
    facts: frozenset[str]


def _claims(name: str, colour: str) -> set[str]:
    """What may be said of a thing: each of its words and kinds, with and without its colour."""
    subject = SUBJECTS[name]
    words = (*subject.words, *subject.kinds)
    return {f"is:{word}" for word in words} | {f"is:{word}:{colour}" for word in words}


def facts_of(scene: Scene) -> frozenset[str]:
    """Everything that is true of the scene, in the terms of caption facts."""
    place = SETTINGS[scene.setting]
    facts = {f"setting:{place.name}", f"style:{scene.style}"}
    facts |= {f"is:{word}" for word in place.shows}
    if place.weather:
        facts.add(f"weather:{scene.weather}")
        if scene.weather == "sun":
            facts.add("weather:clear")
    if not place.timeless:
        facts.add(f"hour:{scene.hour}")
    if scene.companion:
        facts |= _claims(scene.companion, scene.companion_colour)
        facts.add(f"relation:{scene.subject}:{scene.relation}:{scene.companion}")
    if scene.subject:
        subject = SUBJECTS[scene.subject]
        facts |= _claims(scene.subject, scene.colour) | {f"size:{scene.size}"}
        facts |= {f"count:{word}:{scene.count}" for word in (*subject.words, *subject.kinds)}
    return frozenset(facts)


def article(words: str) -> str:
    return f"{'an' if words[0].lower() in 'aeiou8' else 'a'} {words}"


class _Teller:
    """Composes one caption, noting each fact as it is told."""

    def __init__(self, scene: Scene, rng: random.Random) -> None:
        self.scene = scene
        self.rng = rng
        self.facts: set[str] = set()

    def _maybe(self, chance: float) -> bool:
        return self.rng.random() < chance

    def noun(self, name: str, colour: str, count: int, *, coloured: bool) -> str:
        """`a red car`, `two dogs`, `a woman in blue`."""
        subject = SUBJECTS[name]
        word = self.rng.choice(subject.words) if self._maybe(0.45) else subject.name
        self.facts.add(f"is:{word}")
        if name == self.scene.subject and count > 1:
            self.facts.add(f"count:{word}:{count}")
        head = subject.several(word) if count > 1 else word
        if coloured and colour and self._told(colour):
            self.facts.add(f"is:{word}:{colour}")
            tint = self.rng.choice(COLOUR_WORDS.get(colour, (colour,)))
            head = self._dressed(name, head, tint, count) if subject.wears else f"{tint} {head}"
        return head

    def _told(self, colour: str) -> bool:
        return STYLES[self.scene.style].keeps_colour or colour in {"black", "white"}

    def _dressed(self, name: str, head: str, tint: str, count: int) -> str:
        if name == "snowman":
            clothes = "{} scarves" if count > 1 else "a {} scarf"
        elif count > 1:
            clothes = self.rng.choice(("{}", "{} clothes"))
        else:
            clothes = self.rng.choice(("{}", "{} clothes", "a {} top", "a {} outfit"))
        return f"{head} {self.rng.choice(('in', 'wearing'))} {clothes.format(tint)}"

    def counted(self, *, coloured: bool) -> str:
        """The subject with its number, size and colour."""
        scene = self.scene
        head = self.noun(scene.subject, scene.colour, scene.count, coloured=coloured)
        if scene.count > 1:
            return f"{COUNT_WORDS[scene.count]} {head}"
        if scene.size and self._maybe(0.8):
            self.facts.add(f"size:{scene.size}")
            words = {"small": ("small", "little", "tiny"), "big": ("big", "large", "huge")}
            head = f"{self.rng.choice(words[scene.size])} {head}"
        return article(head)

    def _doing(self) -> str:
        doing = SUBJECTS[self.scene.subject].doing
        return f" {self.rng.choice(doing)}" if doing and self._maybe(0.3) else ""

    def related(self) -> str:
        """` next to a green tree`, or nothing."""
        scene = self.scene
        if not scene.companion:
            return ""
        other = article(
            self.noun(scene.companion, scene.companion_colour, 1, coloured=self._maybe(0.6))
        )
        self.facts.add(f"relation:{scene.subject}:{scene.relation}:{scene.companion}")
        words = {
            "beside": ("next to", "beside", "with"),
            "left": ("to the left of", "left of"),
            "right": ("to the right of", "right of"),
            "front": ("in front of", "near", "by"),
        }[scene.relation]
        tree = "tree" in scene.companion and scene.relation == "front"
        return f" {self.rng.choice((*words, 'under') if tree else words)} {other}"

    def setting(self) -> str:
        self.facts.add(f"setting:{self.scene.setting}")
        return self.rng.choice(SETTINGS[self.scene.setting].phrases)

    def hour(self) -> str:
        if SETTINGS[self.scene.setting].timeless:
            return ""
        self.facts.add(f"hour:{self.scene.hour}")
        return self.rng.choice(HOURS[self.scene.hour].words)

    def weather(self) -> str:
        if not SETTINGS[self.scene.setting].weather:
            return ""
        self.facts.add(f"weather:{self.scene.weather}")
        return self.rng.choice(WEATHERS[self.scene.weather])

    def styled(self, text: str) -> str:
        """The text with the style in front of it or after it."""
        style = STYLES[self.scene.style]
        if style.name != "painted":
            self.facts.add(f"style:{style.name}")
        word = self.rng.choice(style.words)
        if self._maybe(0.25):
            return f"{text}, {word}"
        return f"{article(word)} of {text[0].lower()}{text[1:]}"

    def caption(self, text: str) -> Caption:
        text = " ".join(text.split()).replace(" ,", ",")
        return Caption(
            text[0].upper() + text[1:] if self._maybe(0.4) else text, frozenset(self.facts)
        )


def _full(scene: Scene, rng: random.Random) -> Caption:
    """Everything worth saying about the scene, in one sentence."""
    tell = _Teller(scene, rng)
    if not scene.subject:
        return _landscape(scene, rng)
    text = tell.counted(coloured=True) + tell._doing() + tell.related()
    where, when = tell.setting(), ""
    if scene.weather not in {"clear"} or rng.random() < 0.2:
        when = tell.weather()
    if scene.hour != "noon" or rng.random() < 0.5:
        when = f"{when} {tell.hour()}"
    plain = scene.style == "painted"
    text = f"{where}, {text} {when}" if plain and rng.random() < 0.1 else f"{text} {where} {when}"
    if not plain:
        text = tell.styled(text)
    return tell.caption(text)


def _landscape(scene: Scene, rng: random.Random) -> Caption:
    tell = _Teller(scene, rng)
    tell.facts.add(f"setting:{scene.setting}")
    text = rng.choice(SETTINGS[scene.setting].names)
    if scene.weather != "clear" or rng.random() < 0.2:
        text += f" {tell.weather()}"
    text += f" {tell.hour()}"
    if scene.style != "painted" or rng.random() < 0.2:
        text = tell.styled(text)
    return tell.caption(text)


def _partial(scene: Scene, rng: random.Random) -> Caption:
    """Some of the scene: the subject with one or two further facts."""
    if not scene.subject:
        return _landscape(scene, rng)
    tell = _Teller(scene, rng)
    text = tell.counted(coloured=rng.random() < 0.6)
    for part in rng.sample(
        (tell.related, tell.setting, tell.hour, tell.weather), rng.choice((1, 2))
    ):
        text = f"{text} {part()}"
    if rng.random() < 0.2:
        text = tell.styled(text)
    return tell.caption(text)


def _short(scene: Scene, rng: random.Random) -> Caption:
    """What people type: a word or two, or a label in a prompt."""
    tell = _Teller(scene, rng)
    pick = rng.random()
    if not scene.subject or pick < 0.12:
        return tell.caption(rng.choice((_bare_setting, _bare_hour, _bare_weather))(tell, rng))
    if pick < 0.22:
        kind = rng.choice(SUBJECTS[scene.subject].kinds)
        tell.facts.add(f"is:{kind}")
        return tell.caption(rng.choice((kind, article(kind))))
    word = tell.noun(scene.subject, scene.colour, 1, coloured=pick < 0.5)
    if scene.count > 1 and pick > 0.8:
        return tell.caption(tell.counted(coloured=pick > 0.9))
    if pick > 0.55:
        prompt = rng.choice(PROMPTS)
        return tell.caption(
            prompt.format(word if prompt.endswith((" the {}", " one {}")) else article(word))
        )
    return tell.caption(rng.choice((word, article(word))))


def _bare_setting(tell: _Teller, rng: random.Random) -> str:
    tell.facts.add(f"setting:{tell.scene.setting}")
    names = SETTINGS[tell.scene.setting].names
    return rng.choice((*names, *(name.removeprefix("a ") for name in names)))


def _bare_hour(tell: _Teller, rng: random.Random) -> str:
    words = tell.hour()
    return words.split()[-1] if words and rng.random() < 0.6 else words or _bare_setting(tell, rng)


def _bare_weather(tell: _Teller, rng: random.Random) -> str:
    words = tell.weather()
    bare = WEATHER_NAMES[tell.scene.weather]
    return rng.choice((words, bare)) if words else _bare_setting(tell, rng)


def captions_of(
    scene: Scene, seed: int, *, full: int, partial: int = 0, short: int = 0
) -> list[Caption]:
    """`full` captions that say everything, then partial and short ones; the seed fixes them."""
    rng = random.Random(f"{scene.seed}/{seed}")
    kinds = [_full] * full + [_partial] * partial + [_short] * short
    return [tell(scene, rng) for tell in kinds]

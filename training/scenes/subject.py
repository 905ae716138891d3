"""The register of things that can be drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .brush import Brush
from .colour import Colour

Draw = Callable[[Brush, Colour], None]

FUR = ("brown", "black", "white", "grey", "golden")
PAINT = (
    "red",
    "blue",
    "yellow",
    "green",
    "white",
    "black",
    "orange",
    "purple",
    "pink",
    "turquoise",
)
BRIGHT = ("red", "blue", "yellow", "green", "orange", "purple", "pink", "turquoise")


@dataclass(frozen=True)
class Subject:
    """A thing with a name, the words people use for it, and a function that draws it.

    `draw(brush, colour)` fills a box of 100 units: x from -50 to 50, y from -100 to 0.
    `habitats` say where it can be: ground, floor, table, water, air, under (water), space.
    `size` is its height or width against a tall person's, flattened so that all stay visible.
    `colours` are those it can have; empty where the colour is fixed or goes unsaid.
    """

    name: str
    synonyms: tuple[str, ...]
    kinds: tuple[str, ...]
    draw: Draw
    habitats: tuple[str, ...]
    size: float = 0.7
    colours: tuple[str, ...] = ()
    own_colour: str = "grey"
    plural: str = ""
    wears: bool = False
    doing: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        return (self.name, *self.synonyms)

    def several(self, word: str) -> str:
        """The plural of one of this subject's words."""
        if word == self.name and self.plural:
            return self.plural
        return regular_plural(word)


_IRREGULAR = {"child": "children", "man": "men", "woman": "women", "person": "people",
              "mouse": "mice", "sheep": "sheep", "fish": "fish", "goose": "geese",
              "loaf": "loaves", "shelf": "shelves", "scissors": "scissors"}  # fmt: skip


def regular_plural(word: str) -> str:
    head, _, tail = word.partition(" of ")
    if tail:
        return f"{regular_plural(head)} of {tail}"
    first, _, last = word.rpartition(" ")
    lead = f"{first} " if first else ""
    if last in _IRREGULAR:
        return lead + _IRREGULAR[last]
    if last.endswith("man"):
        return lead + last[:-3] + "men"
    if last.endswith(("s", "x", "ch", "sh")):
        return lead + last + "es"
    if last.endswith("y") and last[-2] not in "aeiou":
        return lead + last[:-1] + "ies"
    return lead + last + "s"


def by_name(subjects: Iterable[Subject]) -> dict[str, Subject]:
    """The subjects under their names. Raises ValueError when a name comes twice."""
    register: dict[str, Subject] = {}
    for subject in subjects:
        if subject.name in register:
            raise ValueError(f"two subjects are called {subject.name!r}")
        register[subject.name] = subject
    return register

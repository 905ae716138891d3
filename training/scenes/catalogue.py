"""All subjects and settings, and which of them go together."""

from __future__ import annotations

from . import (
    animals,
    buildings,
    food,
    household,
    interiors,
    leisure,
    outdoors,
    people,
    plants,
    small_animals,
    vehicles,
)
from .setting import Setting
from .subject import Subject, by_name

_THEMES = (animals, small_animals, people, vehicles, food, plants, household, leisure, buildings)

SUBJECTS: dict[str, Subject] = by_name(s for theme in _THEMES for s in theme.SUBJECTS)
SETTINGS: dict[str, Setting] = {s.name: s for s in (*outdoors.SETTINGS, *interiors.SETTINGS)}

_LARGE = (*(s.name for s in buildings.SUBJECTS if s.name != "bridge"),
          *(s.name for s in plants.SUBJECTS if "tree" in s.name))  # fmt: skip
LARGE = frozenset(_LARGE)

_PLACES_OF_THEME = {
    buildings: {"road", "studio"},
    vehicles: {"forest", "garden"},
    food: set(),
}


def _refused(subject: Subject) -> set[str]:
    """Settings where the subject could stand but would look out of place."""
    for theme, names in _PLACES_OF_THEME.items():
        if subject in theme.SUBJECTS:
            return set(names)
    if subject in leisure.SUBJECTS and "musical instrument" not in subject.kinds:
        return {"stage", "kitchen"}
    return (
        {"stage"} if subject not in people.SUBJECTS and subject not in leisure.SUBJECTS else set()
    )


SETTINGS_OF: dict[str, tuple[str, ...]] = {
    subject.name: tuple(
        setting.name for setting in SETTINGS.values()
        if set(setting.habitats) & set(subject.habitats) and setting.name not in _refused(subject)
    )
    for subject in SUBJECTS.values()
}  # fmt: skip


def habitat(subject: Subject, setting: Setting) -> str:
    """Where in the setting the subject goes: the first habitat that both have."""
    return next(kind for kind in subject.habitats if kind in setting.habitats)

"""What a setting is: a place to draw behind the subjects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .brush import Brush
from .sky import Stage


@dataclass(frozen=True)
class Setting:
    """A place: `draw` paints it, `habitats` say what can be there.

    `ground` is the height (0 top, 100 bottom) at which things stand; `zoom` enlarges subjects
    where the view is close. `phrases` follow a noun; `names` stand alone. `weather` is false
    where no weather can be seen; `shows` are subjects that belong to the view.
    """

    name: str
    names: tuple[str, ...]
    phrases: tuple[str, ...]
    draw: Callable[[Brush, Stage], None]
    habitats: tuple[str, ...]
    ground: float = 86.0
    zoom: float = 1.0
    weather: bool = True
    timeless: bool = False
    shows: tuple[str, ...] = ()

"""Make `fixtures/gallery`: illustrated scenes of every kind, each with a caption beside it.

    python -m training.make_fixtures [--out fixtures]

The scenes come from the held-out side of the split, so the bundled model never trained on them.
`fixtures/odd` is made along with it (see odd_files.py). Everything is deterministic.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from . import odd_files
from .scenes import Scene, captions_of, draw_scene, pixels, sample_scene
from .scenes.catalogue import SUBJECTS
from .scenes.styles import STYLES

SCENES = 280
LANDSCAPES = 20
FIRST_SEED = 500_000_000
LONG_SIDES = (560, 600, 640, 640, 680)
QUALITY = 80
_STYLE_WORDS = "|".join(word for style in STYLES.values() for word in style.words)
_STYLE = re.compile(rf"^an? ({_STYLE_WORDS}) of |, ({_STYLE_WORDS})$".lower())
_SMALL_WORDS = {"a", "an", "the", "in", "on", "at", "of", "by", "with", "under", "next", "to",
                "beside", "near", "and", "while", "it", "is", "front"}  # fmt: skip


def _candidates() -> Iterator[str]:
    """Landscapes first, then every subject in turn, over and over."""
    yield from [""] * LANDSCAPES
    names = list(SUBJECTS)
    random.Random(7).shuffle(names)
    yield from itertools.cycle(names)


def _worth_showing(scene: Scene) -> bool:
    """Some combinations are true to the grammar but make poor pictures."""
    dim = scene.weather in {"fog", "storm"} and scene.hour == "night"
    bare = scene.setting == "sky" and not scene.subject
    lost = scene.size == "small" and scene.setting == "studio"
    return not (dim or bare or lost)


def _signature(scene: Scene) -> tuple[str, str, str]:
    return (scene.subject, scene.setting, "" if scene.subject else scene.hour)


def gallery_scenes(count: int = SCENES) -> list[Scene]:
    """Held-out scenes, no two with the same subject in the same place."""
    chosen: list[Scene] = []
    seen: set[tuple[str, str, str]] = set()
    seeds = itertools.count(FIRST_SEED)
    for subject in _candidates():
        if len(chosen) == count:
            break
        for seed in itertools.islice(seeds, 400):
            scene = sample_scene(seed, subject=subject)
            if scene.held_out and _worth_showing(scene) and _signature(scene) not in seen:
                seen.add(_signature(scene))
                chosen.append(scene)
                break
    return chosen


def file_name(caption: str, number: int, suffix: str) -> str:
    """A short readable name such as `red-bicycle-in-the-rain-017.jpg`, without the style."""
    words = re.sub(r"[^a-z0-9]+", " ", _STYLE.sub("", caption.lower())).split()[:7]
    while words and words[0] in _SMALL_WORDS:
        words.pop(0)
    while words and words[-1] in _SMALL_WORDS:
        words.pop()
    return f"{'-'.join(words)}-{number:03}{suffix}"


def _full_caption(scene: Scene, taken: set[str]) -> str:
    """A caption that says everything and that no other picture has."""
    for attempt in range(100):
        text = captions_of(scene, 1000 + attempt, full=1)[0].text
        if text.lower() not in taken:
            return text
    raise ValueError(f"no caption of its own for {scene}")


def _save(image: Image.Image, path: Path) -> None:
    if path.suffix == ".png":
        image.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    elif path.suffix == ".webp":
        image.save(path, quality=QUALITY, method=6)
    else:
        image.save(path, quality=QUALITY, optimize=True, progressive=True)


def _suffix(number: int, scene: Scene) -> str:
    if scene.style in {"pixel", "poster"} and number % 3 == 0:
        return ".png"
    return ".webp" if number % 16 == 5 else ".jpg"


def write_gallery(folder: Path) -> None:
    """Draw every gallery scene into `folder`, replacing what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    taken: set[str] = set()
    for number, scene in enumerate(gallery_scenes(), start=1):
        caption = _full_caption(scene, taken)
        taken.add(caption.lower())
        side = LONG_SIDES[number % len(LONG_SIDES)]
        height = round(side / max(1.0, scene.aspect))
        path = folder / file_name(caption, number, _suffix(number, scene))
        _save(Image.fromarray(pixels(draw_scene(scene, height))), path)
        path.with_suffix(".txt").write_text(caption + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("fixtures"))
    arguments = parser.parse_args()
    write_gallery(arguments.out / "gallery")
    odd_files.write_odd(arguments.out / "odd")


if __name__ == "__main__":
    main()

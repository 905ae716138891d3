"""Training data: scenes rendered once into arrays, with tokenised captions and their facts."""

from __future__ import annotations

import argparse
import multiprocessing
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from .scenes import Caption, Scene, captions_of, draw_scene, facts_of, pixels, sample_scene
from .tokens import CONTEXT, load_tokenizer, write_merges

SIDE = 128
DRAWN_SIDE = 192
FULL, PARTIAL, SHORT = 4, 2, 3
CAPTIONS = FULL + PARTIAL + SHORT
IMAGE_FACTS, CAPTION_FACTS = 48, 12
SHARD = 2000
HELD_OUT = "held_out.npz"
_NO_FACT = -1


@dataclass(frozen=True)
class SceneArrays:
    """`images` uint8 (n, SIDE, SIDE, 3); `tokens` int16 (n, CAPTIONS, CONTEXT);

    `image_facts` int32 (n, IMAGE_FACTS) and `caption_facts` int32 (n, CAPTIONS, CAPTION_FACTS),
    padded with -1; `mirrored` bool (n,) says whether the picture may be flipped.
    """

    images: npt.NDArray[np.uint8]
    tokens: npt.NDArray[np.int16]
    image_facts: npt.NDArray[np.int32]
    caption_facts: npt.NDArray[np.int32]
    mirrored: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.images)


def fact_number(fact: str) -> int:
    """A fact as 31 bits that are the same in every process."""
    return zlib.crc32(fact.encode()) & 0x7FFFFFFF


def _padded(facts: Iterable[str], length: int) -> list[int]:
    numbers = sorted(fact_number(fact) for fact in facts)
    if len(numbers) > length:
        raise ValueError(f"{len(numbers)} facts, room for {length}")
    return numbers + [_NO_FACT] * (length - len(numbers))


def square_picture(scene: Scene) -> npt.NDArray[np.uint8]:
    """The middle of the picture, uint8 (SIDE, SIDE, 3)."""
    height = round(DRAWN_SIDE / min(1.0, scene.aspect))
    image = Image.fromarray(pixels(draw_scene(scene, height)))
    left, top = (image.width - DRAWN_SIDE) // 2, (image.height - DRAWN_SIDE) // 2
    box = (left, top, left + DRAWN_SIDE, top + DRAWN_SIDE)
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box))


def scenes_from(first_seed: int, *, held_out: bool) -> Iterable[Scene]:
    """Endless scenes of one side of the split, in the order of their seeds."""
    return (scene for scene in map(sample_scene, count(first_seed)) if scene.held_out is held_out)


def _captions(scene: Scene) -> list[Caption]:
    return captions_of(scene, 0, full=FULL, partial=PARTIAL, short=SHORT)


def _render_shard(task: tuple[Path, Path, int, int, bool]) -> Path:
    """Render `size` scenes from `first_seed` into one file; a finished file is kept."""
    target, merges, first_seed, size, held_out = task
    if target.exists():
        return target
    tokenizer = load_tokenizer(merges)
    scenes = list(islice(scenes_from(first_seed, held_out=held_out), size))
    captions = [_captions(scene) for scene in scenes]
    texts = [caption.text for group in captions for caption in group]
    partial = target.with_suffix(".partial.npz")
    np.savez(
        partial,
        images=np.stack([square_picture(scene) for scene in scenes]),
        tokens=tokenizer(texts).numpy().astype(np.int16).reshape(size, CAPTIONS, CONTEXT),
        image_facts=np.array([_padded(facts_of(s), IMAGE_FACTS) for s in scenes], np.int32),
        caption_facts=np.array([[_padded(c.facts, CAPTION_FACTS) for c in group]
                                for group in captions], np.int32),
        mirrored=np.array([scene.relation not in {"left", "right"} for scene in scenes]),
    )  # fmt: skip
    return partial.rename(target)


def training_shards(cache: Path, scenes: int) -> list[Path]:
    return [cache / f"train-{number:03}.npz" for number in range(-(-scenes // SHARD))]


def render(cache: Path, scenes: int, processes: int = 2) -> None:
    """Fill `cache` with training shards of `scenes` scenes and one shard of held-out ones.

    Shards that are there already are kept, so an interrupted run goes on where it stopped.
    """
    cache.mkdir(parents=True, exist_ok=True)
    merges = write_merges(cache)
    tasks = [(cache / HELD_OUT, merges, 900_000_000, 1000, True)]
    for number, path in enumerate(training_shards(cache, scenes)):
        tasks.append((path, merges, 1_000_000 + number * SHARD * 2, SHARD, False))
    with multiprocessing.Pool(processes) as pool:
        for done in pool.imap_unordered(_render_shard, tasks):
            print(f"rendered {done.name}", flush=True)


def load(paths: Iterable[Path]) -> SceneArrays:
    """Join shards in memory. Raises FileNotFoundError where one is missing."""
    shards = [np.load(path) for path in paths]
    return SceneArrays(*(np.concatenate([shard[name] for shard in shards])
                         for name in SceneArrays.__dataclass_fields__))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for rendered shards")
    parser.add_argument("--scenes", type=int, default=28_000)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    render(arguments.cache, arguments.scenes, arguments.processes)


if __name__ == "__main__":
    main()

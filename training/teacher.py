"""What the teacher, a MobileNetV2 trained on ImageNet, says of the photographs.

    python -m training.teacher --model mobilenet_v2_1.0_224_quant.tflite --cache FOLDER

Its outputs are targets of the training; its weights are not part of this project. Each
photograph is shown whole, then as random crops that the small model will be shown as well.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from . import photographs

Floats = npt.NDArray[np.float32]
SIDE, FEATURES, CLASSES = 224, 1280, 1000
_POOLED, _LOGITS = "AvgPool", "Squeeze"
CROPS = {"flickr8k": 9, "tiny_train": 1, "imagenette": 3, "coco": 9, "places": 2}
"""Views of each photograph: the first is the whole, the others are crops."""


@dataclass(frozen=True)
class Views:
    """For each photograph, `views` boxes and what the teacher saw in them.

    `boxes` float32 (n, views, 4): left, top, right, bottom as shares of the side; `features`
    float16 (n, views, FEATURES); `logits` float16 (n, views, CLASSES).
    """

    boxes: Floats
    features: npt.NDArray[np.float16]
    logits: npt.NDArray[np.float16]


class Teacher:
    """The quantised network; raises ImportError where ai-edge-litert is missing."""

    def __init__(self, model: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._net: Any = Interpreter(
            str(model), num_threads=1, experimental_preserve_all_tensors=True
        )
        self._net.allocate_tensors()
        details = self._net.get_tensor_details()
        self._input = self._net.get_input_details()[0]["index"]
        self._pooled = next(d for d in details if _POOLED in d["name"])
        self._logits = next(d for d in details if _LOGITS in d["name"] and d["shape"][-1] == 1001)

    def _read(self, tensor: Any) -> Floats:
        scale, zero = tensor["quantization"]
        raw = self._net.get_tensor(tensor["index"]).ravel().astype(np.float32)
        return np.asarray((raw - zero) * scale, np.float32)

    def __call__(self, picture: Image.Image) -> tuple[Floats, Floats]:
        """Features float32 (FEATURES,) and logits float32 (CLASSES,), without «background»."""
        square = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        self._net.set_tensor(self._input, np.asarray(square)[None])
        self._net.invoke()
        return self._read(self._pooled), self._read(self._logits)[1:]


def boxes(count: int, views: int, generator: np.random.Generator) -> Floats:
    """The whole picture, then crops of 35 to 100 % of its area with sides up to 4 : 3."""
    area = generator.uniform(0.35, 1.0, (count, views))
    stretch = np.exp(generator.uniform(-0.28, 0.28, (count, views)) / 2)
    wide, high = np.minimum(np.sqrt(area) * stretch, 1), np.minimum(np.sqrt(area) / stretch, 1)
    left = generator.uniform(0, 1, (count, views)) * (1 - wide)
    top = generator.uniform(0, 1, (count, views)) * (1 - high)
    found = np.stack((left, top, left + wide, top + high), axis=2).astype(np.float32)
    found[:, 0] = (0, 0, 1, 1)
    return found


_teacher: Teacher | None = None


def _look(rows: npt.NDArray[np.int64], name: str, cache: Path, model: Path, places: Floats
          ) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]:  # fmt: skip
    """Features and logits of some rows, in a process that keeps its teacher."""
    global _teacher  # one interpreter a process
    _teacher = _teacher or Teacher(model)
    pixels = photographs.load(cache, name).pixels
    views = places.shape[1]
    features = np.empty((len(rows), views, FEATURES), np.float16)
    logits = np.empty((len(rows), views, CLASSES), np.float16)
    for place, row in enumerate(rows):
        picture = Image.fromarray(pixels[row])
        for view in range(views):
            left, top, right, bottom = (places[row, view] * picture.width).round().tolist()
            crop = picture.crop((left, top, right, bottom))
            features[place, view], logits[place, view] = _teacher(crop)
    return features, logits


def watch(name: str, cache: Path, model: Path, processes: int) -> None:
    """Write `NAME.teacher.npz`: a `Views` of every photograph of a source."""
    count = len(photographs.load(cache, name).paths)
    places = boxes(count, CROPS[name], np.random.default_rng(1))
    parts = np.array_split(np.arange(count), max(1, count // 500))
    look = partial(_look, name=name, cache=cache, model=model, places=places)
    with ProcessPoolExecutor(processes) as pool:
        found = list(pool.map(look, parts))
    np.savez(cache / f"{name}.teacher.npz", boxes=places,
             features=np.concatenate([features for features, _ in found]),
             logits=np.concatenate([logits for _, logits in found]))  # fmt: skip
    print(f"{name}: {count} photographs, {CROPS[name]} views each", flush=True)


def load(cache: Path, name: str) -> Views:
    with np.load(cache / f"{name}.teacher.npz") as arrays:
        return Views(arrays["boxes"], arrays["features"], arrays["logits"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    for name in CROPS:
        if not (arguments.cache / f"{name}.teacher.npz").exists():
            watch(name, arguments.cache, arguments.model, arguments.processes)


if __name__ == "__main__":
    main()

"""One model and one engine of mmembed on a graphics card, in a process of its own.

python -m benchmarks.gpu_job MODEL ENGINE --pictures FOLDER…    → JSON; see accelerator.py
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.agreement import lowest_cosine
from benchmarks.machine import cores
from benchmarks.tower import rate
from mmembed.engines.torch_engine import TorchEngine
from mmembed.ingest.embed_batches import grouped
from mmembed.media.decode import decode
from mmembed.models.decode_turns import ordered
from mmembed.models.open_clip import OpenClipEncoder
from mmembed.models.open_clip.load_model import load_model
from mmembed.models.open_clip.preprocessing import Preprocessing

COMPARED = 32  # pictures whose vectors are compared

Way = Callable[[Iterable[Path]], Iterator[NDArray[np.float32]]]


@dataclass
class Found:
    """What a run gave, by what was done; printed as JSON."""

    images_per_second: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)
    """Memory of the card that torch held at most."""
    lowest_cosine: dict[str, float] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    giga_operations: float = 0.0
    """Of the image tower as open_clip runs it, for one image."""

    def add(self, what: str, measure: Callable[[], float]) -> None:
        """Measure images a second; what cannot be done here is noted with the reason."""
        cuda = torch.cuda.is_available()
        if cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        try:
            self.images_per_second[what] = measure()
        except (RuntimeError, ImportError, OSError) as error:
            self.problems[what] = " ".join(str(error).split())[:160]
            return
        if cuda:
            self.peak_mb[what] = torch.cuda.max_memory_reserved() / 1e6


class Model:
    """A model on a device, and the two ways from JPEG files to its vectors."""

    def __init__(self, name: str, engine: str, device: str, at_once: int) -> None:
        """at_once: files in a batch, 128 at most. Texts are not embedded here, so that no
        vocabulary has to be at hand."""
        loaded = load_model(name, lambda texts, context_length: torch.zeros(
            (len(texts), context_length), dtype=torch.int64))  # fmt: skip
        self.towers, self.device, self.at_once = loaded.towers, device, at_once
        self.engine = TorchEngine(engine, loaded.towers, device)
        self.encoder = OpenClipEncoder(loaded.facts, loaded.tokenizer, self.engine)
        self.preprocessing = Preprocessing.of(loaded.facts.pixels)
        self.threads = ThreadPoolExecutor(cores())

    def pixels(self, path: Path) -> NDArray[np.uint8]:
        """As `mmembed index` prepares a file, on the CPU: uint8 (height, width, 3)."""
        picture = decode(path, side=self.encoder.facts.decode_side)
        return self.encoder.preprocess(picture.image, picture.box)

    def by_cpu(self, files: Iterable[Path]) -> Iterator[NDArray[np.float32]]:
        """float32 (n, dim), batch after batch: decoded and resized by threads."""
        for group in self._groups(self.pixels, files):
            yield self.encoder.embed_preprocessed(np.stack(group))

    def by_card(self, files: Iterable[Path]) -> Iterator[NDArray[np.float32]]:
        """The same; threads only read the files. Raises RuntimeError without nvJPEG."""
        for group in self._groups(Path.read_bytes, files):
            with torch.inference_mode():
                pictures = nvjpeg(group, self.device)
                pixels = torch.stack([resized(one, self.preprocessing) for one in pictures])
                rows: NDArray[np.float32] = self.engine.images(pixels).cpu().numpy()
            yield rows

    def resident(self, pixels: NDArray[np.uint8]) -> Callable[[int], Any]:
        """Embeds pictures that are on the device: nothing but its arithmetic."""
        there = torch.from_numpy(pixels).to(self.device)

        @torch.inference_mode()
        def forward(batch: int) -> Any:
            return self.engine.images(there[:batch]).cpu()

        return forward

    def giga_operations(self) -> float:
        """Products and sums of open_clip's image tower for one image, in 10⁹."""
        side = self.towers.image_size
        counter = FlopCounterMode(display=False)
        # torch's shortcuts through attention are not counted.
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
            self.towers.images.model.encode_image(torch.zeros(1, 3, *side))
        return float(counter.get_total_flops()) / 1e9

    def _groups(self, work: Callable[[Path], Any], files: Iterable[Path]) -> Iterator[list[Any]]:
        results = ordered(self.threads, work, files, window=2 * self.at_once)
        return grouped(results, self.at_once, float("inf"))


def nvjpeg(files: Sequence[bytes], device: str) -> list[torch.Tensor]:
    """JPEG files → uint8 (3, height, width) on a CUDA device. Raises RuntimeError."""
    if not device.startswith("cuda"):
        raise RuntimeError(f"nvJPEG decodes on NVIDIA's cards, not on {device}")
    from torchvision.io import ImageReadMode, decode_jpeg

    data = [torch.frombuffer(bytearray(file), dtype=torch.uint8) for file in files]
    decoded: list[torch.Tensor] = decode_jpeg(data, mode=ImageReadMode.RGB, device=device)
    return decoded


def resized(picture: torch.Tensor, to: Preprocessing) -> torch.Tensor:
    """uint8 (3, height, width) → uint8 (height, width, 3) as the model wants it, near to what
    its own preprocessing gives. Raises ValueError for models whose pictures are padded."""
    if to.mode == "longest":
        raise ValueError("pictures are not padded here")
    high, wide = picture.shape[1:]
    across, down = (min(high, wide),) * 2 if to.mode == "shortest" else (wide, high)
    size = to.height * high // down, to.width * wide // across
    whole = functional.interpolate(picture[None].float(), size, mode="bicubic", antialias=True)[0]
    top, left = round((size[0] - to.height) / 2), round((size[1] - to.width) / 2)
    kept = whole[:, top : top + to.height, left : left + to.width]
    return kept.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)


def streamed(way: Way, files: Sequence[Path], seconds: float) -> float:
    """Images a second from the same files again and again, after a batch that is not counted."""
    batches = way(itertools.cycle(files))
    next(batches)
    done, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds or not done:
        done += len(next(batches))
    return done / spent


def measure(model: Model, folders: Sequence[Path], batches: Sequence[int], seconds: float) -> Found:
    """Everything there is to measure of a model with its engine."""
    found = Found(giga_operations=model.giga_operations())
    some = sorted(folders[0].iterdir())[:COMPARED]
    pixels = np.stack([model.pixels(path) for path in some])
    many = np.resize(pixels, (max(*batches, model.at_once), *pixels.shape[1:]))

    def embed(batch: int) -> Any:
        return model.encoder.embed_preprocessed(many[:batch])

    for batch in batches:
        found.add(f"pixels in memory, batches of {batch}", partial(rate, embed, batch, seconds))
    found.add(f"pixels on the card, batches of {model.at_once}",
              lambda: rate(model.resident(many), model.at_once, seconds))  # fmt: skip
    for folder in folders:
        for decoder, way in (("CPU", model.by_cpu), ("card", model.by_card)):
            found.add(f"{folder.name.partition('-')[0]} JPEG, decoded by the {decoder}",
                      partial(streamed, way, sorted(folder.iterdir()), seconds))  # fmt: skip
    compare(model, some, pixels, found)
    return found


def compare(model: Model, files: list[Path], pixels: NDArray[np.uint8], found: Found) -> None:
    """Cosines: of the engine to float32, and of what the card decodes to what the CPU does."""
    own = model.engine.encode_images(pixels)
    exact = TorchEngine("torch-float32", model.towers, model.device).encode_images(pixels)
    found.lowest_cosine["engine to float32"] = lowest_cosine(own, exact)
    try:
        found.lowest_cosine["decoded by card to by CPU"] = lowest_cosine(
            np.concatenate(list(model.by_card(files))), own
        )
    except (RuntimeError, ImportError):
        return  # told of where it was to be timed


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="an id, as mmembed's --model takes it")
    parser.add_argument("engine", help="one of mmembed's engines of torch")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--pictures", type=Path, nargs="+", required=True)
    parser.add_argument("--batches", type=int, nargs="+", required=True)
    parser.add_argument("--at-once", type=int, required=True, metavar="FILES")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each figure")
    asked = parser.parse_args()
    model = Model(asked.model, asked.engine, asked.device, asked.at_once)
    print(json.dumps(vars(measure(model, asked.pictures, asked.batches, asked.seconds))))


if __name__ == "__main__":
    main()

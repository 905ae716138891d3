"""Images a second of one engine's image tower, without decoding; one engine a process.

python -m benchmarks.tower ENGINE WEIGHTS --batches 1 8 32 --seconds 3    → JSON
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.indexing_ways import DEFAULT_ENGINE

EAGER = "open_clip"


def main() -> None:
    """Print {batch: images a second}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", help=f"as mmembed names it, {DEFAULT_ENGINE} or {EAGER}")
    parser.add_argument("weights", type=Path)
    parser.add_argument("--batches", type=int, nargs="+", required=True)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each batch size")
    asked = parser.parse_args()
    forward = eager(asked.weights) if asked.engine == EAGER else ours(asked.engine, asked.weights)
    rates = {batch: rate(forward, batch, asked.seconds) for batch in asked.batches}
    print(json.dumps(rates))


def rate(forward: Callable[[int], Any], batch: int, seconds: float) -> float:
    """Images a second, after one pass that is not counted."""
    forward(batch)
    done, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds or not done:
        forward(batch)
        done += batch
    return done / spent


def eager(weights: Path) -> Callable[[int], Any]:
    """open_clip's own model as it is loaded."""
    from benchmarks.peers.job import allow_any_torchvision

    allow_any_torchvision()
    import open_clip
    import torch

    model, _ = open_clip.create_model_from_pretrained(f"local-dir:{weights / 'open_clip'}")
    model.eval()
    pixels = torch.randn(128, 3, 224, 224)

    @torch.inference_mode()
    def forward(batch: int) -> Any:
        return model.encode_image(pixels[:batch])

    return forward


def ours(engine: str, weights: Path) -> Callable[[int], Any]:
    """mmembed's encoder, over what its own preprocessing gives."""
    from mmembed import Settings, load_encoder

    options: dict[str, Any] = {"cache": Settings.from_env().cache}
    options |= {} if engine == DEFAULT_ENGINE else {"engine": engine}
    encoder = load_encoder(f"local-dir:{weights / 'open_clip'}", **options)
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    pixels = np.stack([encoder.preprocess(Image.fromarray(noise))] * 128)
    return lambda batch: encoder.embed_preprocessed(pixels[:batch])


if __name__ == "__main__":
    main()

"""The built-in model's image tower against ViT-B/32's, in turns in one run.

    python benchmarks/bundled_or_large.py [--seconds 4]

Random pictures, float32, batches of 16 and of one. ViT-B/32 has random weights: they do not
change its speed. Both are measured on torch's default path and with the precision «medium», which
on some processors takes a faster one, so that the ratio does not rest on a slow path.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch

from mmembed.models.open_clip import BUNDLED_FOLDER
from mmembed.models.open_clip.import_open_clip import import_open_clip

ROUNDS = 4


def load() -> dict[str, tuple[Any, int]]:
    """Image towers with the side of their input."""
    open_clip = import_open_clip()
    small = open_clip.create_model(f"local-dir:{BUNDLED_FOLDER}")
    side = open_clip.get_model_preprocess_cfg(small)["size"]
    large = open_clip.create_model("ViT-B-32")
    return {"bundled": (small.eval(), side if isinstance(side, int) else side[0]),
            "ViT-B/32": (large.eval(), 224)}  # fmt: skip


@torch.inference_mode()
def seconds_per_image(model: Any, side: int, batch: int, seconds: float) -> float:
    """Seconds that the image tower takes for one of `batch` pictures."""
    pictures, done = torch.randn(batch, 3, side, side), 0
    model.encode_image(pictures)
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        model.encode_image(pictures)
        done += batch
    return spent / done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each figure and round")
    arguments = parser.parse_args()
    models = load()
    print("| matrix products | batch | bundled, ms an image | ViT-B/32, ms an image | ratio |")
    print("|---|---|---|---|---|")
    for precision in ("highest", "medium"):
        torch.set_float32_matmul_precision(precision)
        for batch in (16, 1):
            best = dict.fromkeys(models, float("inf"))
            for _ in range(ROUNDS):
                for name, (model, side) in models.items():
                    spent = seconds_per_image(model, side, batch, arguments.seconds / ROUNDS)
                    best[name] = min(best[name], spent * 1000)
            small, large = best["bundled"], best["ViT-B/32"]
            print(f"| {precision} | {batch} | {small:.2f} | {large:.1f} | {large / small:.0f} |")


if __name__ == "__main__":
    main()

"""Train the bundled CLIP from random weights on illustrated scenes.

    python -m training.train_bundled --cache FOLDER [--out mmembed/bundled]

Renders the scenes into FOLDER first where they are not there yet. The same seed, thread count and
machine give the same weights.
"""

from __future__ import annotations

import argparse
import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from open_clip.model import CLIP
from torch import Tensor

from . import dataset
from .augment import augmented, shrunk
from .losses import also_true, contrastive_loss
from .model import new_model, write_bundle
from .tokens import write_merges


@dataclass(frozen=True)
class Plan:
    """`epochs` over all scenes in batches of `batch`; `peak_rate` is the highest step size."""

    epochs: int
    batch: int
    seed: int
    peak_rate: float = 2e-3
    warm_up: int = 200
    weight_decay: float = 0.1


def batches(scenes: int, plan: Plan, epoch: int) -> Iterator[Tensor]:
    """The scenes of an epoch in random order, int64 (batch,) at a time; the rest is dropped."""
    order = torch.randperm(scenes, generator=torch.Generator().manual_seed(plan.seed + epoch))
    return iter(order[: scenes // plan.batch * plan.batch].split(plan.batch))


def rate(step: int, steps: int, plan: Plan) -> float:
    """The step size: a linear rise, then half a cosine down to nothing."""
    if step < plan.warm_up:
        return plan.peak_rate * (step + 1) / plan.warm_up
    share = (step - plan.warm_up) / max(1, steps - plan.warm_up)
    return plan.peak_rate * 0.5 * (1 + math.cos(math.pi * share))


def new_optimiser(model: CLIP, plan: Plan) -> torch.optim.AdamW:
    """AdamW that lets gains, biases and the temperature off the weight decay."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": plan.weight_decay},
              {"params": others, "weight_decay": 0.0}]  # fmt: skip
    return torch.optim.AdamW(groups, lr=plan.peak_rate, betas=(0.9, 0.98), eps=1e-6)


def encode_texts(model: CLIP, tokens: Tensor) -> Tensor:
    """Padding beyond the longest caption is cut: attention is causal, so nothing changes."""
    longest = int((tokens != 0).sum(1).max())
    tokens = tokens[:, :longest]
    hidden = model.token_embedding(tokens) + model.positional_embedding[:longest]
    hidden = model.transformer(hidden, attn_mask=model.attn_mask[:longest, :longest])
    ends = model.ln_final(hidden)[torch.arange(len(tokens)), tokens.argmax(1)]
    return torch.nn.functional.normalize(ends @ model.text_projection, dim=-1)


def encode_images(model: CLIP, pictures: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        features = model.visual(pictures.contiguous(memory_format=torch.channels_last))
    return torch.nn.functional.normalize(features.float(), dim=-1)


def step_loss(
    model: CLIP, scenes: dataset.SceneArrays, rows: Tensor, generator: torch.Generator
) -> Tensor:
    """The loss of one batch: for each scene one of its captions, drawn at random."""
    picks = torch.randint(dataset.CAPTIONS, (len(rows),), generator=generator).numpy()
    index = rows.numpy()
    images = augmented(torch.from_numpy(scenes.images[index]),
                       torch.from_numpy(scenes.mirrored[index]), generator)  # fmt: skip
    tokens = torch.from_numpy(scenes.tokens[index, picks].astype(np.int64))
    pairs = also_true(torch.from_numpy(scenes.caption_facts[index, picks]),
                      torch.from_numpy(scenes.image_facts[index]))  # fmt: skip
    scale = model.logit_scale.exp()
    return contrastive_loss(encode_images(model, images), encode_texts(model, tokens), scale, pairs)


@torch.no_grad()
def recall(model: CLIP, scenes: dataset.SceneArrays) -> dict[int, float]:
    """Share of full captions whose picture is among the first 1, 5 and 10."""
    model.eval()
    pictures = shrunk(torch.from_numpy(scenes.images))
    images = torch.cat([encode_images(model, part) for part in pictures.split(250)])
    texts = encode_texts(model, torch.from_numpy(scenes.tokens[:, 0].astype(np.int64)))
    similar = texts @ images.T
    rank = (similar > similar.diagonal()[:, None]).sum(1)
    model.train()
    return {k: (rank < k).float().mean().item() for k in (1, 5, 10)}


def train(cache: Path, out: Path, plan: Plan) -> CLIP:
    """Train as planned, writing a loadable model into `out` after every epoch."""
    scenes = dataset.load(sorted(cache.glob("train-*.npz")))
    held_out = dataset.load([cache / "held_out.npz"])
    model = new_model(plan.seed).train()
    model.visual.to(memory_format=torch.channels_last)
    optimiser = new_optimiser(model, plan)
    generator = torch.Generator().manual_seed(plan.seed)
    steps, step, start = plan.epochs * (len(scenes) // plan.batch), 0, time.monotonic()
    for epoch in range(plan.epochs):
        for rows in batches(len(scenes), plan, epoch):
            for group in optimiser.param_groups:
                group["lr"] = rate(step, steps, plan)
            loss = step_loss(model, scenes, rows, generator)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, math.log(100))
            step += 1
            if step % 50 == 0:
                speed = step * plan.batch / (time.monotonic() - start)
                print(f"step {step}/{steps} loss {loss.item():.3f} {speed:.0f}/s", flush=True)
        shares = " ".join(f"R@{k} {share:.3f}" for k, share in recall(model, held_out).items())
        print(f"epoch {epoch + 1}: held out {shares}, {time.monotonic() - start:.0f} s", flush=True)
        write_bundle(model, out)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for rendered scenes")
    parser.add_argument("--out", type=Path, default=Path("mmembed/bundled"))
    parser.add_argument("--scenes", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dataset.render(arguments.cache, arguments.scenes)
    arguments.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(write_merges(arguments.cache), arguments.out)
    train(arguments.cache, arguments.out, Plan(arguments.epochs, arguments.batch, arguments.seed))


if __name__ == "__main__":
    main()

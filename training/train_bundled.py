"""Train the bundled CLIP from random weights on illustrated scenes.

    python -m training.train_bundled --cache FOLDER [--out mmembed/bundled]

Renders the scenes into FOLDER first where they are not there yet. The same seed, number
of processes and machine give the same weights.
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
from torch import Tensor, distributed
from torch.multiprocessing.spawn import spawn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from . import dataset
from .augment import augmented, shrunk
from .clip import CLIP
from .labels import Labels, label_loss, things_shown
from .losses import also_true, contrastive_loss
from .model import new_model, write_bundle
from .tokens import MERGES_FILE, load_tokenizer, write_merges


@dataclass(frozen=True)
class Plan:
    """`epochs` over all scenes in batches of `batch`, shared by `processes`.

    `peak_rate` is the highest step size, reached after `warm_up` steps.
    """

    epochs: int
    batch: int
    processes: int
    seed: int
    peak_rate: float = 2e-3
    warm_up: int = 100
    weight_decay: float = 0.1


def batches(scenes: int, plan: Plan, epoch: int) -> Iterator[Tensor]:
    """The scenes of an epoch in random order, int64 (batch,) at a time; the rest is dropped."""
    order = torch.randperm(scenes, generator=torch.Generator().manual_seed(plan.seed + epoch))
    return iter(torch.split(order[: scenes // plan.batch * plan.batch], plan.batch))


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
    """Tokens int64 (n, CONTEXT) to float32 (n, dim), unit-norm; short and long ones apart."""
    order = (tokens != 0).sum(1).argsort()
    encoded = torch.cat([_encode_cut(model, tokens[part]) for part in order.chunk(3)])
    return encoded[order.argsort()]


def _encode_cut(model: CLIP, tokens: Tensor) -> Tensor:
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


@dataclass(frozen=True)
class Lessons:
    """Scenes, phrases for every subject, and which subjects each scene shows."""

    scenes: dataset.SceneArrays
    labels: Labels
    theme: Tensor
    true: Tensor


def step_loss(model: CLIP, lessons: Lessons, rows: Tensor, generator: torch.Generator) -> Tensor:
    """The loss of one batch: captions against pictures, and subjects against pictures.

    For each scene one of its captions is drawn at random, for each subject one of its phrases.
    """
    scenes = lessons.scenes
    picks = torch.randint(dataset.CAPTIONS, (len(rows),), generator=generator).numpy()
    index = rows.numpy()
    images = augmented(torch.from_numpy(scenes.images[index]),
                       torch.from_numpy(scenes.mirrored[index]), generator)  # fmt: skip
    tokens = torch.from_numpy(scenes.tokens[index, picks].astype(np.int64))
    pairs = also_true(torch.from_numpy(scenes.caption_facts[index, picks]),
                      torch.from_numpy(scenes.image_facts[index]))  # fmt: skip
    scale, pictures = model.logit_scale.exp(), encode_images(model, images)
    captions = contrastive_loss(pictures, encode_texts(model, tokens), scale, pairs)
    phrases = encode_texts(model, lessons.labels.draw(generator))
    subjects = label_loss(pictures, phrases, scale, lessons.theme[rows], lessons.true[rows])
    return captions + subjects


@torch.no_grad()
def recall(model: CLIP, scenes: dataset.SceneArrays) -> dict[int, float]:
    """Share of full captions whose picture is among the first 1, 5 and 10."""
    model.eval()
    pictures = shrunk(torch.from_numpy(scenes.images))
    images = torch.cat([encode_images(model, part) for part in torch.split(pictures, 250)])
    texts = encode_texts(model, torch.from_numpy(scenes.tokens[:, 0].astype(np.int64)))
    similar = texts @ images.T
    rank = (similar > similar.diagonal()[:, None]).sum(1)
    model.train()
    return {k: (rank < k).float().mean().item() for k in (1, 5, 10)}


def _share_gradients(model: CLIP, processes: int) -> None:
    """Replace every gradient by its mean over all processes."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= processes
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def _take_step(model: CLIP, optimiser: torch.optim.Optimizer, loss: Tensor, plan: Plan) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    _share_gradients(model, plan.processes)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    with torch.no_grad():
        model.logit_scale.clamp_(0, math.log(100))


def train(
    lessons: Lessons, held_out: dataset.SceneArrays, out: Path, plan: Plan, part: int
) -> None:
    """Train as planned; process 0 writes a loadable model into `out` after every epoch.

    Each of `plan.processes` calls takes its own `part` of every batch. What is written is the
    running mean of the weights, which is better than the weights of any one step.
    """
    model = new_model(plan.seed).train()
    model.visual.to(memory_format=torch.channels_last)
    blend = get_ema_multi_avg_fn(0.99)  # type: ignore[no-untyped-call]
    average = AveragedModel(model, multi_avg_fn=blend, use_buffers=True)
    optimiser, generator = new_optimiser(model, plan), torch.Generator().manual_seed(part + 1)
    scenes, step, start = len(lessons.scenes), 0, time.monotonic()
    steps = plan.epochs * (scenes // plan.batch)
    for epoch in range(plan.epochs):
        for rows in batches(scenes, plan, epoch):
            for group in optimiser.param_groups:
                group["lr"] = rate(step, steps, plan)
            loss = step_loss(model, lessons, rows.chunk(plan.processes)[part], generator)
            _take_step(model, optimiser, loss, plan)
            average.update_parameters(model)
            step += 1
            if part == 0 and step % 25 == 0:
                speed = step * plan.batch / (time.monotonic() - start)
                print(f"step {step}/{steps} loss {loss.item():.3f} {speed:.0f}/s", flush=True)
        if part == 0:
            # The mean of minus infinities is no number; a copy, for it is averaged again.
            average.module.attn_mask = model.attn_mask.clone()
            shares = recall(average.module, held_out)
            told = " ".join(f"R@{k} {share:.3f}" for k, share in shares.items())
            print(f"epoch {epoch + 1}: held out {told}", flush=True)
            write_bundle(average.module, out)


def _run_part(part: int, cache: Path, out: Path, scenes: int, plan: Plan) -> None:
    """One process with one thread: on a busy machine two of them beat two threads of one."""
    torch.set_num_threads(1)
    meeting = cache / "meeting"
    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting.resolve()}", rank=part, world_size=plan.processes
    )
    arrays = dataset.load(dataset.training_shards(cache, scenes))
    lessons = Lessons(arrays, Labels(load_tokenizer(out / MERGES_FILE)),
                      *things_shown(arrays.image_facts))  # fmt: skip
    train(lessons, dataset.load([cache / dataset.HELD_OUT]), out, plan, part)
    distributed.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for rendered scenes")
    parser.add_argument("--out", type=Path, default=Path("mmembed/bundled"))
    parser.add_argument("--scenes", type=int, default=28_000)
    parser.add_argument("--epochs", type=int, default=11)
    parser.add_argument("--batch", type=int, default=256, help="over all processes")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    dataset.render(arguments.cache, arguments.scenes, arguments.processes)
    arguments.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(write_merges(arguments.cache), arguments.out)
    (arguments.cache / "meeting").unlink(missing_ok=True)
    plan = Plan(arguments.epochs, arguments.batch, arguments.processes, arguments.seed)
    common = (arguments.cache, arguments.out, arguments.scenes, plan)
    spawn(_run_part, common, plan.processes)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()

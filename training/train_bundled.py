"""Second stage: train the bundled CLIP, its picture tower from random weights.

    python -m training.train_bundled --texts FOLDER --cache FOLDER [--out mmembed/bundled]

Learns from illustrated scenes, from captioned and labelled photographs, and from the teacher's
head of the first stage. Needs what `photographs`, `teacher`, `dataset` and `teacher_head` left in
the cache. The same seed, number of processes and machine give the same weights.
"""

from __future__ import annotations

import argparse
import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.multiprocessing.spawn import spawn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from . import captions, dataset, photographs
from .augment import shrunk
from .clip import CLIP
from .encoding import encode_images, encode_texts
from .labels import label_loss
from .lessons import Batch, Lessons, Mix
from .losses import affinity_loss, contrastive_loss
from .model import IMAGE_SIZE, new_model, write_bundle
from .photo_labels import imitation_loss
from .schedule import new_optimiser, rate, set_rate
from .teacher_head import TeacherHead, recall_at_10
from .tokens import MERGES_FILE, load_tokenizer, write_merges

BANK, REFRESH = 1024, 50
MIX = Mix(24, 36, 4, 56, (22, 6, 4))
"""What one process takes for one step."""


@dataclass(frozen=True)
class Plan:
    """`minutes` of training by `processes`; `small` is the share of them at `small_side` pixels.

    `mix` is what one process takes for one step.
    """

    minutes: float
    processes: int
    seed: int
    mix: Mix
    small: float = 0.65
    small_side: int = 96
    peak_rate: float = 2e-3
    weight_decay: float = 0.05

    def side(self, share: float) -> int:
        """Pixels a side once `share` of the time is over."""
        return self.small_side if share < self.small else IMAGE_SIZE


class Learner(nn.Module):
    """The model to be bundled and the teacher's head, which go on learning together."""

    def __init__(self, cache: Path, seed: int) -> None:
        super().__init__()
        self.clip, self.head = new_model(seed), TeacherHead()
        first = torch.load(cache / "head.pt", weights_only=True)
        head = {n.removeprefix("head."): t for n, t in first.items() if n.startswith("head.")}
        text = {n.removeprefix("clip."): t for n, t in first.items() if n.startswith("clip.")}
        self.head.load_state_dict(head)
        self.clip.load_state_dict(text, strict=False)
        self.clip.visual.to(memory_format=torch.channels_last)

    def parts(self) -> list[tuple[nn.Module, float]]:
        """Modules and their share of the step size: what has learned already goes slower."""
        text = nn.Module()
        for name, module in self.clip.named_children():
            if name != "visual":
                text.add_module(name, module)
        for name, parameter in self.clip.named_parameters(recurse=False):
            text.register_parameter(name, parameter)
        return [(self.clip.visual, 1.0), (text, 0.3), (self.head, 0.3)]


def step_loss(learner: Learner, batch: Batch, bank: Tensor, mix: Mix) -> dict[str, Tensor]:
    """The parts of the loss, weighted."""
    scale = learner.clip.logit_scale.exp()
    images = encode_images(learner.clip, batch.images)
    scenes, photos = images.split((mix.scenes, mix.photographs))
    texts = (batch.scenes.tokens, batch.scenes.phrases, batch.tokens, batch.task.tokens)
    told, phrases, captioned, named = encode_texts(learner.clip, torch.cat(texts)).split(
        [len(part) for part in texts]
    )
    targets = learner.head(batch.features)
    shown, seen = photos[: mix.told], targets[: mix.told]
    labelled = slice(mix.told, mix.told + mix.labelled)
    goal, fixed = targets.detach(), scale.detach()
    return {
        "scenes": 0.35 * (
            contrastive_loss(scenes, told, scale, batch.scenes.pairs)
            + label_loss(scenes, phrases, scale, batch.scenes.theme, batch.scenes.true)),
        "captions": 0.3 * contrastive_loss(shown, captioned, scale),
        "head": 0.3 * contrastive_loss(seen, captioned, scale)
        + 0.2 * batch.task.loss(targets[labelled], named, scale),
        "labels": 0.5 * batch.task.loss(photos[labelled], named, scale),
        "classes": 0.5 * imitation_loss(photos, named, scale, batch.logits, batch.task),
        "direction": 2.0 * (1 - (photos * goal).sum(1)).mean(),
        "affinity": 0.5 * affinity_loss(photos, goal, bank, fixed),
    }  # fmt: skip


@torch.no_grad()
def new_bank(learner: Learner, lessons: Lessons, generator: torch.Generator) -> Tensor:
    """Embeddings of random captions, half of them of photographs that are never shown."""
    tokens = torch.cat([group[torch.randperm(len(group), generator=generator)[: BANK // 2]]
                        for group in lessons.bank])  # fmt: skip
    return encode_texts(learner.clip, tokens)


class Examination:
    """Pictures never trained on: Flickr8k's dev split, Tiny-ImageNet's val split, scenes."""

    def __init__(self, texts: Path, cache: Path, lessons: Lessons) -> None:
        tokenizer = load_tokenizer(cache / MERGES_FILE)
        photos = photographs.load(cache, "flickr8k")
        self._dev = captions.split(texts, photos, "dev", tokenizer)
        self._photos = torch.from_numpy(photos.pixels[self._dev.rows])
        tiny, lines = photographs.load(cache, "tiny_val"), (texts / "val_annotations.txt")
        label = dict(line.split("\t")[:2] for line in lines.read_text().splitlines())
        classes = lessons.labels.class_of
        self._classes = torch.tensor([classes[label[f"{stem}.JPEG"]] for stem in tiny.stems])
        self._tiny = torch.from_numpy(tiny.pixels[:])
        self._known = torch.unique(self._classes)
        self._names = lessons.labels.plain_phrases(self._known)
        self._scenes = dataset.load([cache / dataset.HELD_OUT])

    @torch.no_grad()
    def sit(self, model: CLIP, tiny: int = 2000) -> str:
        """Figures in one line; the first `tiny` of Tiny-ImageNet's pictures are asked."""
        model.eval()

        def embedded(pictures: Tensor) -> Tensor:
            parts = pictures.split(250)
            return torch.cat([encode_images(model, shrunk(part, IMAGE_SIZE)) for part in parts])

        found, described = recall_at_10(
            embedded(self._photos), torch.cat([encode_texts(model, part) for part in
                                               self._dev.tokens.flatten(0, 1).split(1000)])
        )  # fmt: skip
        guess = embedded(self._tiny[:tiny]) @ encode_texts(model, self._names).T
        right = (self._known[guess.argmax(1)] == self._classes[:tiny]).float().mean().item()
        texts = encode_texts(model, torch.from_numpy(self._scenes.tokens[:, 0].astype(np.int64)))
        similar = texts @ embedded(torch.from_numpy(self._scenes.images)).T
        rank = (similar > similar.diagonal()[:, None]).sum(1)
        scenes = (rank < 10).float().mean().item()
        model.train()
        return (f"dev recall@10 text to image {found:.3f}, image to text {described:.3f}; "
                f"tiny val top-1 {right:.3f}; scenes recall@10 {scenes:.3f}")  # fmt: skip


def _share_gradients(model: nn.Module, processes: int) -> None:
    """Replace every gradient by its mean over all processes."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= processes
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def _take_step(learner: Learner, optimiser: torch.optim.Optimizer, loss: Tensor, processes: int
               ) -> None:  # fmt: skip
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    _share_gradients(learner, processes)
    torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
    optimiser.step()
    with torch.no_grad():
        learner.clip.logit_scale.clamp_(0, math.log(100))


def _agreed(value: float) -> float:
    """The first process's value, in all of them."""
    told = torch.tensor([value], dtype=torch.float64)
    distributed.broadcast(told, 0)
    return float(told.item())


def train(lessons: Lessons, exam: Examination | None, learner: Learner, out: Path, plan: Plan,
          part: int) -> None:  # fmt: skip
    """Train as planned; process 0 writes a loadable model into `out` every ten minutes.

    What is written is the running mean of the weights, better than those of any one step.
    """
    blend = get_ema_multi_avg_fn(0.998)  # type: ignore[no-untyped-call]
    average = AveragedModel(learner.clip, multi_avg_fn=blend)
    optimiser = new_optimiser(learner.parts(), plan.weight_decay)
    generator = torch.Generator().manual_seed(plan.seed * 1000 + part)
    seconds, start, step, examined = plan.minutes * 60, time.monotonic(), 0, 0
    bank = new_bank(learner, lessons, generator)
    while (share := _agreed((time.monotonic() - start) / seconds)) < 1:
        set_rate(optimiser, rate(step, share, plan.peak_rate))
        batch = lessons.draw(plan.mix, plan.side(share), generator)
        parts = step_loss(learner, batch, bank, plan.mix)
        loss = torch.stack(list(parts.values())).sum()
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"step {step}: {parts}")
        _take_step(learner, optimiser, loss, plan.processes)
        average.update_parameters(learner.clip)
        step += 1
        if step % REFRESH == 0:
            bank = new_bank(learner, lessons, generator)
        if step % 25 == 0 and part == 0:
            told = " ".join(f"{name} {value.item():.3f}" for name, value in parts.items())
            speed = step * plan.processes * len(batch.images) / (time.monotonic() - start)
            print(f"{share:.1%} step {step} {told} {speed:.0f}/s", flush=True)
        if exam and share * plan.minutes > 10 * (examined + 1):
            examined += 1
            print(f"{share:.0%}: {exam.sit(average.module)}", flush=True)
            write_bundle(average.module, out)
            torch.save(learner.state_dict(), out.parent / "learner.pt")
    if exam:
        print(f"end: {exam.sit(average.module, 10_000)}", flush=True)
        write_bundle(average.module, out)
        torch.save(learner.state_dict(), out.parent / "learner.pt")


def _run_part(part: int, texts: Path, cache: Path, out: Path, scenes: int, plan: Plan) -> None:
    """One process with one thread: on a busy machine two of them beat two threads of one."""
    torch.set_num_threads(1)
    meeting = cache / "meeting"
    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting.resolve()}", rank=part, world_size=plan.processes
    )
    lessons = Lessons(texts, cache, scenes)
    exam = Examination(texts, cache, lessons) if part == 0 else None
    train(lessons, exam, Learner(cache, plan.seed).train(), out, plan, part)
    distributed.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("mmembed/bundled"))
    parser.add_argument("--scenes", type=int, default=28_000)
    parser.add_argument("--minutes", type=float, default=70)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(write_merges(arguments.cache), arguments.out)
    (arguments.cache / "meeting").unlink(missing_ok=True)
    plan = Plan(arguments.minutes, arguments.processes, arguments.seed, MIX)
    common = (arguments.texts, arguments.cache, arguments.out, arguments.scenes, plan)
    spawn(_run_part, common, plan.processes)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()

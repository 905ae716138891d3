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

import torch
from torch import Tensor, distributed, nn
from torch.multiprocessing.spawn import spawn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .examination import Examination
from .learner import Learner, new_bank, step_loss
from .lessons import Lessons, Mix
from .model import IMAGE_SIZE, write_bundle
from .schedule import new_optimiser, rate, set_rate
from .tokens import write_merges

REFRESH = 50
"""Steps for which a bank of caption embeddings is kept."""
MIX = Mix(32, 52, 6, 176, (26, 2, 2))
"""What one process takes for one step."""


@dataclass(frozen=True)
class Plan:
    """`minutes` of training by `processes`; `small` is the share of them at `small_side` pixels.

    `mix` is what one process takes for one step; `resume` names weights to go on from.
    """

    minutes: float
    processes: int
    seed: int
    mix: Mix
    resume: Path | None = None
    small: float = 0.68
    small_side: int = 96
    peak_rate: float = 2e-3
    weight_decay: float = 0.05

    def side(self, share: float) -> int:
        """Pixels a side once `share` of the time is over."""
        return self.small_side if share < self.small else IMAGE_SIZE


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
    blend = get_ema_multi_avg_fn(0.995)  # type: ignore[no-untyped-call]
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
    learner = Learner(cache, plan.seed).train()
    if plan.resume:
        learner.load_state_dict(torch.load(plan.resume, weights_only=True))
    train(lessons, exam, learner, out, plan, part)
    distributed.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("mmembed/bundled"))
    parser.add_argument("--scenes", type=int, default=28_000)
    parser.add_argument("--minutes", type=float, default=70)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--resume", type=Path, help="learner.pt of a run to go on from")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(write_merges(arguments.cache), arguments.out)
    (arguments.cache / "meeting").unlink(missing_ok=True)
    plan = Plan(arguments.minutes, arguments.processes, arguments.seed, MIX,
                arguments.resume)  # fmt: skip
    common = (arguments.texts, arguments.cache, arguments.out, arguments.scenes, plan)
    spawn(_run_part, common, plan.processes)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()

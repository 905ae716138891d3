"""Second stage: train the bundled CLIP, its picture tower from random weights.

    python -m training.train_bundled --texts FOLDER --cache FOLDER [--out mmembed/bundled]

Learns from illustrated scenes, from captioned and labelled photographs, and from the teacher's
head of the first stage. Needs what `photographs`, `teacher`, `dataset` and `teacher_head` left in
the cache, and goes on from its `checkpoint.pt` where it was interrupted.
"""

from __future__ import annotations

import argparse
import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

REFRESH = 120
"""Steps for which a bank of text embeddings is kept."""
CHECKPOINT, EXAM_MINUTES = "checkpoint.pt", 8
WORDS_EVERY = 3
"""Texts are embedded, and learn, in every third step; the others look at pictures alone."""
MIX = Mix(24, 26, 3, 88, (13, 1, 1))
"""What one process takes for one step."""


@dataclass(frozen=True)
class Plan:
    """`minutes` of training by `processes`; `small` is the share of them at `small_side` pixels.

    `mix` is what one process takes for one step; `start` is an earlier run's checkpoint, whose
    weights are begun with.
    """

    minutes: float
    processes: int
    seed: int
    mix: Mix
    start: Path | None = None
    small: float = 0.68
    small_side: int = 96
    peak_rate: float = 1.5e-3
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


class Run:
    """A training under way: what learns, how far it is, and how to keep and find that again.

    `spent` is processor seconds of the first process, so that a pause does not count.
    """

    def __init__(self, learner: Learner, plan: Plan, checkpoint: Path) -> None:
        self.learner, self._file = learner, checkpoint
        blend = get_ema_multi_avg_fn(0.998)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(learner.clip, multi_avg_fn=blend)
        self.optimiser = new_optimiser(learner.parts(), plan.weight_decay)
        self.step, self._before = 0, 0.0
        if checkpoint.exists():
            self._restore(torch.load(checkpoint, weights_only=True))
        self._start = time.process_time()

    @property
    def spent(self) -> float:
        return self._before + time.process_time() - self._start

    def _restore(self, kept: dict[str, Any]) -> None:
        self.learner.load_state_dict(kept["learner"])
        self.average.load_state_dict(kept["average"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.step, self._before = kept["step"], kept["spent"]

    def keep(self) -> None:
        """Write the checkpoint beside itself, then over the old one."""
        partial = self._file.with_suffix(".partial")
        torch.save({"learner": self.learner.state_dict(), "average": self.average.state_dict(),
                    "optimiser": self.optimiser.state_dict(), "step": self.step,
                    "spent": self.spent}, partial)  # fmt: skip
        partial.replace(self._file)


def train(lessons: Lessons, exam: Examination | None, run: Run, out: Path, plan: Plan, part: int
          ) -> None:  # fmt: skip
    """Train as planned; process 0 examines the model every `EXAM_MINUTES` and writes it to `out`.

    What is written is the running mean of the weights, better than those of any one step.
    """
    learner, average = run.learner, run.average
    generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + 2 * run.step + part)
    bank, examined = new_bank(learner, lessons, generator), run.spent
    while (share := _agreed(run.spent / 60 / plan.minutes)) < 1:
        set_rate(run.optimiser, rate(run.step, share, plan.peak_rate))
        batch = lessons.draw(plan.mix, plan.side(share), generator,
                             words=run.step % WORDS_EVERY == 0)  # fmt: skip
        parts = step_loss(learner, batch, bank, plan.mix)
        loss = torch.stack(list(parts.values())).sum()
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"step {run.step}: {parts}")
        _take_step(learner, run.optimiser, loss, plan.processes)
        average.update_parameters(learner.clip)
        if part == 0 and run.step % (20 * WORDS_EVERY) == 0:
            told = " ".join(f"{name} {value.item():.3f}" for name, value in parts.items())
            print(f"{share:.1%} step {run.step} {told} {run.spent:.0f} s", flush=True)
        run.step += 1
        if run.step % REFRESH == 0:
            bank = new_bank(learner, lessons, generator)
        if exam and run.spent - examined > EXAM_MINUTES * 60:
            examined = run.spent
            run.keep()
            print(f"{share:.0%}: {exam.sit(average.module)}", flush=True)
            write_bundle(average.module, out)
    if exam:
        run.keep()
        print(f"end: {exam.sit(average.module, 10_000)}", flush=True)
        write_bundle(average.module, out)


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
    if plan.start:
        learner.load_state_dict(torch.load(plan.start, weights_only=True)["learner"])
    train(lessons, exam, Run(learner, plan, cache / CHECKPOINT), out, plan, part)
    distributed.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("mmembed/bundled"))
    parser.add_argument("--scenes", type=int, default=28_000)
    parser.add_argument("--minutes", type=float, default=130)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--start", type=Path, help="checkpoint of another run, whose weights to begin with"
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(write_merges(arguments.cache), arguments.out)
    (arguments.cache / "meeting").unlink(missing_ok=True)
    plan = Plan(arguments.minutes, arguments.processes, arguments.seed, MIX,
                arguments.start)  # fmt: skip
    common = (arguments.texts, arguments.cache, arguments.out, arguments.scenes, plan)
    spawn(_run_part, common, plan.processes)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()

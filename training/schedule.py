"""The optimiser and its step sizes."""

from __future__ import annotations

import math

import torch
from torch import nn

WARM_UP = 100


def rate(step: int, share: float, peak: float) -> float:
    """The step size: a linear rise over `WARM_UP` steps, then half a cosine down to nothing.

    `share` is how much of the training is over, from 0 to 1.
    """
    return peak * min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * share))


def new_optimiser(parts: list[tuple[nn.Module, float]], weight_decay: float) -> torch.optim.AdamW:
    """AdamW over modules, each with its share of the step size (kept as «share» in its groups).

    Gains, biases and the temperature are let off the weight decay.
    """
    groups = []
    for module, share in parts:
        matrices = [p for p in module.parameters() if p.ndim >= 2]
        others = [p for p in module.parameters() if p.ndim < 2]
        groups.append({"params": matrices, "weight_decay": weight_decay, "share": share})
        groups.append({"params": others, "weight_decay": 0.0, "share": share})
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), eps=1e-6)


def set_rate(optimiser: torch.optim.Optimizer, value: float) -> None:
    """Give every group its share of the step size `value`."""
    for group in optimiser.param_groups:
        group["lr"] = value * group["share"]

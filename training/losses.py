"""The symmetric contrastive loss, told which other pairs also happen to be true."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

_EXCLUDED = -1e4


def also_true(caption_facts: Tensor, image_facts: Tensor) -> Tensor:
    """Which captions hold for which pictures: bool (captions, pictures).

    Both arguments are int32 (n, facts), padded with -1. A caption holds where all its facts are
    among the picture's.
    """
    known, places = torch.unique(torch.cat((caption_facts, image_facts), 1), return_inverse=True)
    claimed, given = places.split((caption_facts.shape[1], image_facts.shape[1]), dim=1)
    captions = torch.zeros(len(caption_facts), len(known)).scatter_(1, claimed, 1.0)
    images = torch.zeros(len(image_facts), len(known)).scatter_(1, given, 1.0)
    padding = known == -1
    captions[:, padding] = 0.0
    return captions @ images.T >= captions.sum(1, keepdim=True) - 0.5


def contrastive_loss(
    images: Tensor, texts: Tensor, scale: Tensor, true_pairs: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy of picture to caption and caption to picture (CLIP, Radford 2021).

    `images` and `texts` are float32 (n, dim), unit-norm, in the same order; `true_pairs` is
    `also_true` of the batch: pairs off the diagonal that are true count neither for nor against.
    """
    logits = scale * texts @ images.T
    if true_pairs is not None:
        accidental = true_pairs & ~torch.eye(len(logits), dtype=torch.bool)
        logits = logits.masked_fill(accidental, _EXCLUDED)
    labels = torch.arange(len(logits))
    return 0.5 * (functional.cross_entropy(logits, labels)
                  + functional.cross_entropy(logits.T, labels))  # fmt: skip


def affinity_loss(images: Tensor, targets: Tensor, texts: Tensor, scale: Tensor) -> Tensor:
    """How far the pictures' choice among `texts` is from that of their targets.

    All float32 (·, dim), unit-norm: Kullback-Leibler divergence of the softmax over texts
    (affinity mimicking: TinyCLIP, Wu et al., 2023). `targets` and `texts` carry no gradient.
    """
    target = functional.softmax(scale * targets @ texts.T, dim=1)
    choice = functional.log_softmax(scale * images @ texts.T, dim=1)
    return functional.kl_div(choice, target, reduction="batchmean")

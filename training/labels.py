"""Every subject as a short label: what people type, and what zero-shot classification asks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import Tensor

from .clip import SimpleTokenizer
from .dataset import fact_number
from .scenes.captions import PROMPTS, article
from .scenes.catalogue import SUBJECTS

_BARE = 4


def _phrases(word: str) -> list[str]:
    """The word alone, as often as `_BARE` says, with its article, and in each prompt."""
    bare = [word, article(word)] * (_BARE // 2)
    prompts = [
        prompt.format(word if prompt.endswith((" the {}", " one {}")) else article(word))
        for prompt in PROMPTS
    ]
    return bare + prompts


class Labels:
    """Tokenised phrases for each subject, to draw from."""

    def __init__(self, tokenizer: SimpleTokenizer) -> None:
        shared = Counter(word for subject in SUBJECTS.values() for word in subject.words)
        self._phrases = []
        for subject in SUBJECTS.values():
            words = [word for word in subject.words if shared[word] == 1]
            # The name comes up as often as all synonyms together.
            words += [subject.name] * max(1, len(words) - 2)
            self._phrases.append(tokenizer([p for word in words for p in _phrases(word)]))

    def draw(self, subjects: Tensor, generator: torch.Generator) -> Tensor:
        """One phrase for each of `subjects`, int64 (n, CONTEXT)."""
        chances = torch.rand(len(subjects), generator=generator).tolist()
        groups = [self._phrases[subject] for subject in subjects.tolist()]
        return torch.stack([g[int(c * len(g))] for g, c in zip(groups, chances, strict=True)])


def things_shown(image_facts: npt.NDArray[np.int32]) -> tuple[Tensor, Tensor]:
    """What each picture shows, both bool (n, subjects).

    The first says which subjects are its theme; the second which labels are true of it at all:
    a robin is also a bird, and a forest has trees.
    """
    theme = np.zeros((len(image_facts), len(SUBJECTS)), bool)
    true = np.zeros_like(theme)
    for column, subject in enumerate(SUBJECTS.values()):
        colours = subject.colours or ("",)
        exact = [fact_number(f"is:{subject.name}:{colour}") for colour in colours]
        theme[:, column] = np.isin(image_facts, exact).any(1)
        true[:, column] = np.isin(image_facts, fact_number(f"is:{subject.name}")).any(1)
    names = list(SUBJECTS)
    for column, subject in enumerate(SUBJECTS.values()):
        for kind in set(subject.kinds) & set(names):
            theme[theme[:, column], names.index(kind)] = False
    return torch.from_numpy(theme), torch.from_numpy(true | theme)


def label_loss(
    images: Tensor, labels: Tensor, scale: Tensor, theme: Tensor, true: Tensor
) -> Tensor:
    """Cross-entropy of each picture's themes against all labels that are not true of it.

    `images` float32 (n, dim) and `labels` float32 (subjects, dim) are unit-norm; `theme` and
    `true` are rows of `things_shown`. Pictures without a theme do not count.
    """
    logits = scale * images @ labels.T
    rest = torch.logsumexp(logits.masked_fill(true, -1e4), dim=1, keepdim=True)
    losses = functional.softplus(rest - logits)
    return (losses * theme).sum() / theme.sum().clamp(min=1)

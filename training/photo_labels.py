"""Class names of photographs: drawing a task for each step, and the losses over names."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from mmembed.classify.zero_shot import SHORT_TEMPLATES, TEMPLATES

from . import photographs
from .clip import SimpleTokenizer
from .labels import label_loss
from .names import CLASSES, Names, class_of_wordnet, load_names

_TASK_CLASSES, _OTHERS = 56, 64
_BARE = 0.35
_TEMPLATES = (*TEMPLATES, *SHORT_TEMPLATES)
SOFTNESS = 1.5
"""The temperature at which the teacher's opinion is imitated."""


@dataclass(frozen=True)
class Task:
    """Some labelled photographs, and labels to choose from.

    `rows` int64 (n,) in the source; `labels` int64 (m,): the chosen labels; `true` bool (n, m):
    which of them hold.
    """

    rows: Tensor
    labels: Tensor
    true: Tensor

    def loss(self, images: Tensor, named: Tensor, scale: Tensor) -> Tensor:
        """Cross-entropy of every true label against those that are not."""
        return label_loss(images, named, scale, self.true, self.true)


class PhotoLabels:
    """Labels of a source whose pictures lie in folders named by WordNet numbers."""

    def __init__(self, names: Names, tokenizer: SimpleTokenizer, folders: list[str],
                 class_of: dict[str, int]) -> None:  # fmt: skip
        shared = defaultdict(set)
        for label, words in enumerate(names.words):
            for word in words:
                shared[word].add(label)
        self._words = [[words[0], *(w for w in words[1:] if len(shared[w]) == 1)]
                       for words in names.words]  # fmt: skip
        self._tokenizer, self.class_of = tokenizer, class_of
        self._true = torch.from_numpy(names.true)
        self.classes = torch.tensor([class_of[folder] for folder in folders])
        order = np.argsort(self.classes.numpy(), kind="stable")
        self._rows = {int(c): torch.from_numpy(order[self.classes.numpy()[order] == c])
                      for c in np.unique(self.classes.numpy())}  # fmt: skip

    def phrases(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """A random phrase for each label, its first name in half of all cases."""
        texts = []
        for label in labels.tolist():
            words = self._words[label]
            chances = torch.rand(4, generator=generator).tolist()
            word = words[0] if chances[0] < 0.5 else words[int(chances[1] * len(words))]
            template = "{}" if chances[2] < _BARE else _TEMPLATES[int(chances[3] * len(_TEMPLATES))]
            texts.append(template.format(word))
        tokens: Tensor = self._tokenizer(texts)
        return tokens

    def plain_phrases(self, labels: Tensor) -> Tensor:
        """«a photo of a NAME.» for each label, int64 (n, CONTEXT)."""
        texts = [f"a photo of a {self._words[n][0]}." for n in labels.tolist()]
        tokens: Tensor = self._tokenizer(texts)
        return tokens

    def draw(self, photographs: int, generator: torch.Generator, *, all_labels: bool = False
             ) -> Task:  # fmt: skip
        """Photographs of `_TASK_CLASSES` classes, their labels and `_OTHERS` more, or all."""
        classes = torch.tensor(list(self._rows))
        classes = classes[torch.randperm(len(classes), generator=generator)[:_TASK_CLASSES]]
        owners = classes.repeat(-(-photographs // len(classes)))[:photographs]
        chances = torch.rand(photographs, generator=generator)
        rows = torch.stack([self._rows[int(c)][int(chance * len(self._rows[int(c)]))]
                            for c, chance in zip(owners, chances, strict=True)])  # fmt: skip
        others = torch.randperm(self._true.shape[1], generator=generator)
        if not all_labels:
            others = others[:_OTHERS]
        labels = torch.unique(torch.cat((classes, others)))
        return Task(rows, labels, self._true[owners][:, labels])

    def __len__(self) -> int:
        """How many labels there are."""
        return self._true.shape[1]


def tiny_imagenet_labels(texts: Path, cache: Path, tokenizer: SimpleTokenizer) -> PhotoLabels:
    """The labels of Tiny-ImageNet's training photographs."""
    folders = photographs.load(cache, "tiny_train").folders
    classes = class_of_wordnet(texts, (texts / "words.txt").read_text())
    return PhotoLabels(load_names(texts), tokenizer, folders, classes)


def imitation_loss(images: Tensor, named: Tensor, scale: Tensor, opinion: Tensor, task: Task
                   ) -> Tensor:  # fmt: skip
    """How far the picture's choice among the task's class names is from the teacher's.

    `images` (n, dim) and `named` (m, dim) are unit-norm, `opinion` (n, CLASSES) the teacher's
    logits. Kullback-Leibler divergence over the chosen classes alone (Hinton et al., 2015).
    """
    classes = task.labels < CLASSES
    target = functional.softmax(opinion[:, task.labels[classes]] / SOFTNESS, dim=1)
    choice = functional.log_softmax(scale * images @ named[classes].T / SOFTNESS, dim=1)
    return functional.kl_div(choice, target, reduction="batchmean") * SOFTNESS**2

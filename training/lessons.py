"""One training batch: illustrated scenes, captioned photographs and labelled ones together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import captions, dataset, photographs, teacher
from .augment import cropped, random_boxes, roughened
from .labels import Labels, things_shown
from .losses import also_true
from .photo_labels import Task, tiny_imagenet_labels
from .tokens import load_tokenizer, write_merges

OTHER_SUBJECTS = 24


@dataclass(frozen=True)
class Mix:
    """How many pictures of each kind a batch holds, in this order."""

    scenes: int
    captioned: int
    captioned_coco: int
    labelled: int
    others: tuple[int, int, int]

    @property
    def told(self) -> int:
        """Photographs with captions."""
        return self.captioned + self.captioned_coco

    @property
    def photographs(self) -> int:
        return self.told + self.labelled + sum(self.others)


@dataclass(frozen=True)
class Source:
    """A packed source with its teacher's views; `mapped` pixels are read as they are needed."""

    pixels: Any
    boxes: Tensor
    features: Tensor
    logits: Tensor


def open_source(cache: Path, name: str) -> Source:
    views = teacher.load(cache, name)
    return Source(np.load(cache / f"{name}.npy", mmap_mode="r"), torch.from_numpy(views.boxes),
                  torch.from_numpy(views.features), torch.from_numpy(views.logits))  # fmt: skip


@dataclass(frozen=True)
class SceneTask:
    """Which captions hold for which scenes, which of the asked subjects they show."""

    pairs: Tensor
    theme: Tensor
    true: Tensor


@dataclass(frozen=True)
class Words:
    """Tokens int64 (n, CONTEXT): the scenes' captions, a phrase for each subject asked for, the
    photographs' captions, a phrase for each label of the task."""

    scenes: Tensor
    subjects: Tensor
    captions: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Batch:
    """`images` float32 (n, 3, side, side), in the order of `Mix`.

    `features` and `logits` are the teacher's, for all but the scenes. Without `words` all
    subjects and labels are asked for, and the caller knows their embeddings.
    """

    images: Tensor
    scenes: SceneTask
    features: Tensor
    logits: Tensor
    task: Task
    words: Words | None


class Lessons:
    """Everything there is to learn from. The same generator state draws the same batch."""

    def __init__(self, texts: Path, cache: Path, scenes: int) -> None:
        tokenizer = load_tokenizer(write_merges(cache))
        self.scenes = dataset.load(dataset.training_shards(cache, scenes))
        self.subjects = Labels(tokenizer)
        self._theme, self._true = things_shown(self.scenes.image_facts)
        self.tiny = open_source(cache, "tiny_train")
        self._told = [
            (open_source(cache, "flickr8k"),
             captions.split(texts, photographs.load(cache, "flickr8k"), "train", tokenizer)),
            (open_source(cache, "coco"),
             captions.coco(texts, photographs.load(cache, "coco"), tokenizer)),
        ]  # fmt: skip
        self._others = [open_source(cache, name) for name in ("coco", "imagenette", "places")]
        self.labels = tiny_imagenet_labels(texts, cache, tokenizer)
        self.subject_count = self._theme.shape[1]
        coco = tokenizer((texts / "coco_val2017_captions.txt").read_text().splitlines())
        self.bank = (self._told[0][1].tokens.flatten(0, 1), coco)

    def draw(self, mix: Mix, side: int, generator: torch.Generator, *, words: bool) -> Batch:
        scene_pictures, scenes, said, asked = self._scenes(mix.scenes, side, generator, words)
        task = self.labels.draw(mix.labelled, generator, all_labels=not words)
        photos, tokens = [], []
        for (source, told), count in zip(
            self._told, (mix.captioned, mix.captioned_coco), strict=True
        ):
            rows = torch.randint(len(told.rows), (count,), generator=generator)
            picks = torch.randint(captions.CAPTIONS, (count,), generator=generator)
            tokens.append(told.tokens[rows, picks])
            photos.append(_views(source, torch.from_numpy(told.rows)[rows], side, generator))
        photos.append(_views(self.tiny, task.rows, side, generator))
        for source, count in zip(self._others, mix.others, strict=True):
            rows = torch.randint(len(source.pixels), (count,), generator=generator)
            photos.append(_views(source, rows, side, generator))
        pictures = torch.cat([scene_pictures, *(photo[0] for photo in photos)])
        texts = None
        if words:
            texts = Words(said, self.subjects.draw(asked, generator),
                         captions.thinned(torch.cat(tokens), generator),
                         self.labels.phrases(task.labels, generator))  # fmt: skip
        return Batch(roughened(pictures, generator), scenes,
                     torch.cat([photo[1] for photo in photos]),
                     torch.cat([photo[2] for photo in photos]), task, texts)  # fmt: skip

    def _scenes(self, count: int, side: int, generator: torch.Generator, words: bool
                ) -> tuple[Tensor, SceneTask, Tensor, Tensor]:  # fmt: skip
        rows = torch.randint(len(self.scenes), (count,), generator=generator)
        index = rows.numpy()
        picks = torch.randint(dataset.CAPTIONS, (count,), generator=generator).numpy()
        flip = torch.rand(count, generator=generator) < 0.5
        flip &= torch.from_numpy(self.scenes.mirrored[index])
        pictures = cropped(torch.from_numpy(self.scenes.images[index]),
                           random_boxes(count, 0.82, 0.05, generator), flip, side)  # fmt: skip
        pairs = also_true(torch.from_numpy(self.scenes.caption_facts[index, picks]),
                          torch.from_numpy(self.scenes.image_facts[index]))  # fmt: skip
        tokens = torch.from_numpy(self.scenes.tokens[index, picks].astype(np.int64))
        asked = self._asked(rows, generator) if words else torch.arange(self._theme.shape[1])
        task = SceneTask(pairs, self._theme[rows][:, asked], self._true[rows][:, asked])
        return pictures, task, tokens, asked

    def _asked(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """The subjects that these scenes show, and some more: int64 (n,)."""
        others = torch.randperm(self._theme.shape[1], generator=generator)[:OTHER_SUBJECTS]
        shown = self._theme[rows].any(0).nonzero().ravel()
        asked: Tensor = torch.unique(torch.cat((shown, others)))
        return asked


def _views(source: Source, rows: Tensor, side: int, generator: torch.Generator
           ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """A view of each row as the teacher saw it, and what it saw there.

    Where it saw only the whole picture, the crop is random all the same: it is told that the
    whole looks so.
    """
    views = torch.randint(source.boxes.shape[1], (len(rows),), generator=generator)
    boxes = source.boxes[rows, views]
    if source.boxes.shape[1] == 1:
        boxes = random_boxes(len(rows), 0.65, 0.15, generator)
    flip = torch.rand(len(rows), generator=generator) < 0.5
    pictures = cropped(torch.from_numpy(source.pixels[rows.numpy()]), boxes, flip, side)
    return pictures, source.features[rows, views].float(), source.logits[rows, views].float()

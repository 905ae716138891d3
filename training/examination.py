"""Figures over pictures that are never trained on, while the training runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import captions, dataset, photographs
from .augment import shrunk
from .clip import CLIP
from .encoding import encode_images, encode_texts
from .lessons import Lessons
from .model import IMAGE_SIZE
from .teacher_head import recall_at_10
from .tokens import MERGES_FILE, load_tokenizer


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
            parts = torch.split(pictures, 250)
            return torch.cat([encode_images(model, shrunk(part, IMAGE_SIZE)) for part in parts])

        parts = torch.split(self._dev.tokens.flatten(0, 1), 1000)
        texts = torch.cat([encode_texts(model, part) for part in parts])
        found, described = recall_at_10(embedded(self._photos), texts)
        guess = embedded(self._tiny[:tiny]) @ encode_texts(model, self._names).T
        right = (self._known[guess.argmax(1)] == self._classes[:tiny]).float().mean().item()
        texts = encode_texts(model, torch.from_numpy(self._scenes.tokens[:, 0].astype(np.int64)))
        similar = texts @ embedded(torch.from_numpy(self._scenes.images)).T
        rank = (similar > similar.diagonal()[:, None]).sum(1)
        scenes = (rank < 10).float().mean().item()
        model.train()
        return (f"dev recall@10 text to image {found:.3f}, image to text {described:.3f}; "
                f"tiny val top-1 {right:.3f}; scenes recall@10 {scenes:.3f}")  # fmt: skip

"""First stage: the text tower learns to describe what the teacher sees.

    python -m training.teacher_head --texts FOLDER --cache FOLDER

A small head turns the teacher's features into embeddings; it and the text tower learn from
captions and class names. Both are written to `head.pt`; the second stage lets the picture tower
imitate the head.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from . import captions, photographs, teacher
from .encoding import encode_texts
from .losses import contrastive_loss
from .model import EMBEDDING, new_model
from .photo_labels import PhotoLabels, imitation_loss, tiny_imagenet_labels
from .schedule import new_optimiser, rate, set_rate
from .tokens import load_tokenizer, write_merges

_HIDDEN = 768


class TeacherHead(nn.Module):
    """The teacher's features float32 (n, 1280) to embeddings float32 (n, EMBEDDING), unit-norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(teacher.FEATURES)
        self.straight = nn.Linear(teacher.FEATURES, EMBEDDING)
        self.bent = nn.Sequential(
            nn.Linear(teacher.FEATURES, _HIDDEN), nn.GELU(), nn.Dropout(0.3),
            nn.Linear(_HIDDEN, EMBEDDING),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        seen = functional.dropout(self.norm(features), 0.2, self.training)
        return functional.normalize(self.straight(seen) + self.bent(seen), dim=-1)


class Pair(nn.Module):
    """The head and the model whose text tower it learns with."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.head = TeacherHead()
        self.clip = new_model(seed)
        del self.clip.visual


@dataclass(frozen=True)
class Seen:
    """What the teacher saw in a source: features (n, views, 1280) and logits (n, views, 1000)."""

    features: Tensor
    logits: Tensor


def seen(cache: Path, name: str) -> Seen:
    views = teacher.load(cache, name)
    return Seen(torch.from_numpy(views.features), torch.from_numpy(views.logits))


@dataclass(frozen=True)
class HeadLessons:
    """What the first stage learns from: captioned photographs, and labelled ones."""

    flickr: Seen
    train: captions.Captioned
    dev: captions.Captioned
    objects: Seen
    labels: PhotoLabels


def load_lessons(texts: Path, cache: Path) -> HeadLessons:
    tokenizer = load_tokenizer(write_merges(cache))
    photos = photographs.load(cache, "flickr8k")
    train, dev = (captions.split(texts, photos, part, tokenizer) for part in ("train", "dev"))
    labels = tiny_imagenet_labels(texts, cache, tokenizer)
    return HeadLessons(seen(cache, "flickr8k"), train, dev, seen(cache, "tiny_train"), labels)


def _drawn(source: Seen, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One random view of each row: features and logits."""
    views = torch.randint(source.features.shape[1], (len(rows),), generator=generator)
    return source.features[rows, views].float(), source.logits[rows, views].float()


def step_loss(pair: Pair, lessons: HeadLessons, rows: Tensor, generator: torch.Generator) -> Tensor:
    """Captions against photographs, names against photographs, and the teacher's opinion."""
    picks = torch.randint(captions.CAPTIONS, (len(rows),), generator=generator)
    tokens = captions.thinned(lessons.train.tokens[rows, picks], generator)
    features, logits = _drawn(lessons.flickr, torch.from_numpy(lessons.train.rows)[rows], generator)
    task = lessons.labels.draw(288, generator)
    objects, object_logits = _drawn(lessons.objects, task.rows, generator)
    embedded = pair.head(torch.cat((features, objects)))
    phrases = lessons.labels.phrases(task.labels, generator)
    texts = encode_texts(pair.clip, torch.cat((tokens, phrases)))
    told, named = texts[: len(rows)], texts[len(rows) :]
    scale = pair.clip.logit_scale.exp()
    pairs = contrastive_loss(embedded[: len(rows)], told, scale)
    opinion = imitation_loss(embedded, named, scale, torch.cat((logits, object_logits)), task)
    return pairs + 0.5 * task.loss(embedded[len(rows) :], named, scale) + 0.5 * opinion


@torch.no_grad()
def dev_recall(pair: Pair, lessons: HeadLessons) -> tuple[float, float]:
    """Recall@10 on the dev split, text to image and image to text."""
    pair.eval()
    images = pair.head(lessons.flickr.features[lessons.dev.rows, 0].float())
    parts = torch.split(lessons.dev.tokens.flatten(0, 1), 1000)
    texts = torch.cat([encode_texts(pair.clip, part) for part in parts])
    pair.train()
    return recall_at_10(images, texts)


def recall_at_10(images: Tensor, texts: Tensor) -> tuple[float, float]:
    """`images` (n, dim), `texts` (n × CAPTIONS, dim), both unit-norm, in the same order."""
    similar = texts @ images.T
    owner = torch.arange(len(texts)) // captions.CAPTIONS
    right = similar[torch.arange(len(texts)), owner]
    to_image = ((similar > right[:, None]).sum(1) < 10).float().mean().item()
    best = right.view(-1, captions.CAPTIONS).max(1).values
    to_text = ((similar > best[None]).sum(0) < 10).float().mean().item()
    return to_image, to_text


def train(lessons: HeadLessons, target: Path, epochs: int, batch: int, seed: int) -> None:
    torch.manual_seed(seed)
    pair = Pair(seed).train()
    blend = get_ema_multi_avg_fn(0.98)  # type: ignore[no-untyped-call]
    average = AveragedModel(pair, multi_avg_fn=blend, use_buffers=False)
    optimiser, generator = new_optimiser([(pair, 1.0)], 0.2), torch.Generator().manual_seed(seed)
    steps, step, start = epochs * (len(lessons.train.rows) // batch), 0, time.monotonic()
    for epoch in range(epochs):
        order = torch.randperm(len(lessons.train.rows), generator=generator)
        for rows in torch.split(order[: len(order) // batch * batch], batch):
            set_rate(optimiser, rate(step, step / steps, 1.5e-3))
            loss = step_loss(pair, lessons, rows, generator)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(pair.parameters(), 1.0)
            optimiser.step()
            average.update_parameters(pair)
            step += 1
        if epoch % 3 == 2 or epoch + 1 == epochs:
            told = dev_recall(cast(Pair, average.module), lessons)
            print(f"epoch {epoch + 1}/{epochs} loss {loss.item():.3f} dev recall@10 text to image "
                  f"{told[0]:.3f}, image to text {told[1]:.3f}, "
                  f"{time.monotonic() - start:.0f} s", flush=True)  # fmt: skip
    torch.save(average.module.state_dict(), target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=384)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    lessons = load_lessons(arguments.texts, arguments.cache)
    train(lessons, arguments.cache / "head.pt", arguments.epochs, arguments.batch, arguments.seed)


if __name__ == "__main__":
    main()

"""What learns in the second stage, and what it is told to do better after each batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .encoding import encode_images, encode_texts
from .labels import label_loss
from .lessons import Batch, Lessons, Mix
from .losses import affinity_loss, contrastive_loss
from .model import new_model
from .photo_labels import imitation_loss
from .teacher_head import TeacherHead

BANK = 1024


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


@dataclass(frozen=True)
class Bank:
    """Embeddings, unit-norm, as the text tower gave them some steps ago: of random captions, of
    all labels of photographs and of all subjects of scenes."""

    captions: Tensor
    labels: Tensor
    subjects: Tensor


def step_loss(learner: Learner, batch: Batch, bank: Bank, mix: Mix) -> dict[str, Tensor]:
    """The parts of the loss, weighted."""
    scale = learner.clip.logit_scale.exp()
    images = encode_images(learner.clip, batch.images)
    scenes, photos = torch.split(images, [mix.scenes, mix.photographs])
    targets = learner.head(batch.features)
    parts, phrases, named = {}, bank.subjects, bank.labels
    labelled = torch.arange(mix.told, mix.told + mix.labelled)
    others = torch.cat((torch.arange(mix.told),
                        torch.arange(mix.told + mix.labelled, mix.photographs)))  # fmt: skip
    goal, fixed = targets.detach(), scale.detach()
    turned = 1 - (photos * goal).sum(1)
    if batch.words is not None:
        texts = (batch.words.scenes, batch.words.subjects, batch.words.captions,
                 batch.words.labels)  # fmt: skip
        told, phrases, captioned, named = torch.split(
            encode_texts(learner.clip, torch.cat(texts)), [len(part) for part in texts]
        )
        shown, seen = photos[: mix.told], targets[: mix.told]
        parts = {
            "told": contrastive_loss(scenes, told, scale, batch.scenes.pairs),
            "captions": 0.6 * contrastive_loss(shown, captioned, scale),
            "head": 0.6 * contrastive_loss(seen, captioned, scale)
            + 0.4 * batch.task.loss(targets[labelled], named, scale),
        }
    return parts | {
        "subjects": 0.8 * label_loss(scenes, phrases, scale, batch.scenes.theme,
                                      batch.scenes.true),
        # The teacher is right on 43 % of the small labelled photographs: labels count for more.
        "labels": batch.task.loss(photos[labelled], named, scale),
        "classes": 0.5
        * imitation_loss(photos[others], named, scale, batch.logits[others], batch.task),
        "direction": turned[others].mean() + 0.5 * turned[labelled].mean(),
        "affinity": 0.5 * affinity_loss(photos[others], goal[others], bank.captions, fixed),
    }  # fmt: skip


@torch.no_grad()
def new_bank(learner: Learner, lessons: Lessons, generator: torch.Generator) -> Bank:
    """Half of its captions are of photographs that are never shown."""
    captions = [group[torch.randperm(len(group), generator=generator)[: BANK // 2]]
                for group in lessons.bank]  # fmt: skip
    labels = lessons.labels.phrases(torch.arange(len(lessons.labels)), generator)
    subjects = lessons.subjects.draw(torch.arange(lessons.subject_count), generator)
    return Bank(encode_texts(learner.clip, torch.cat(captions)),
                encode_texts(learner.clip, labels),
                encode_texts(learner.clip, subjects))  # fmt: skip

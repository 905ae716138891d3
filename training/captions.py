"""Captions of Flickr8k and COCO, and how they become tokens."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .clip import SimpleTokenizer
from .photographs import Photographs

CAPTIONS = 5
DROPPED = 0.1


@dataclass(frozen=True)
class Captioned:
    """Rows of a packed source that have captions: `rows` int64 (n,), `tokens` int64
    (n, CAPTIONS, CONTEXT)."""

    rows: npt.NDArray[np.int64]
    tokens: Tensor


def read_captions(texts: Path) -> dict[str, list[str]]:
    """File names to their captions."""
    captions: dict[str, list[str]] = defaultdict(list)
    with (texts / "flickr8k_captions.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            captions[line["image"]].append(line["caption"].replace(" .", ".").replace(" ,", ","))
    return dict(captions)


def split(texts: Path, photographs: Photographs, name: str, tokenizer: SimpleTokenizer
          ) -> Captioned:  # fmt: skip
    """The photographs of Flickr8k's split `name` («train» or «dev») with their captions."""
    row_of = {f"{stem}.jpg": row for row, stem in enumerate(photographs.stems)}
    wanted = (texts / f"flickr8k_split_{name}.txt").read_text().split()
    captions = read_captions(texts)
    names = [image for image in wanted if image in row_of and len(captions.get(image, ())) == 5]
    tokens = tokenizer([text for image in names for text in captions[image]])
    rows = np.array([row_of[image] for image in names], np.int64)
    return Captioned(rows, tokens.view(len(names), CAPTIONS, -1))


def read_coco(texts: Path) -> dict[int, list[str]]:
    """COCO image numbers to captions: those of val2017, and some of the training photographs'."""
    captions: dict[int, list[str]] = defaultdict(list)
    for said in json.loads((texts / "captions_val2017.json").read_text())["annotations"]:
        captions[said["image_id"]].append(said["caption"])
    with (texts / "coco_captions.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            captions[int(line["image_id"])].append(line["caption"])
    return {number: told[:CAPTIONS] for number, told in captions.items() if len(told) >= CAPTIONS}


def coco(texts: Path, photographs: Photographs, tokenizer: SimpleTokenizer) -> Captioned:
    """The COCO photographs whose captions are at hand."""
    captions = read_coco(texts)
    numbers = [int(stem.rsplit("_", 1)[1]) for stem in photographs.stems]
    rows = [row for row, number in enumerate(numbers) if number in captions]
    tokens = tokenizer([text.strip() for row in rows for text in captions[numbers[row]]])
    return Captioned(np.array(rows, np.int64), tokens.view(len(rows), CAPTIONS, -1))


def thinned(tokens: Tensor, generator: torch.Generator) -> Tensor:
    """A tenth of the words left out: int64 (n, CONTEXT) to the same, shorter texts moved up.

    Start and end (the largest number) stay.
    """
    kept = torch.rand(tokens.shape, generator=generator) >= DROPPED
    kept[:, 0] = True
    kept |= tokens == tokens.max(1, keepdim=True).values
    kept &= tokens != 0
    order = (~kept).to(torch.uint8).argsort(dim=1, stable=True)
    return (tokens * kept).gather(1, order)

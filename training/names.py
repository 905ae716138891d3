"""The thousand ImageNet classes in words: names, synonyms, and the everyday words above them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

CLASSES = 1000
# Everyday words, with the classes that fall under them (first to last, both included).
_KINDS: dict[str, list[int | tuple[int, int]]] = {
    "dog": [(151, 268)], "puppy": [(151, 268)], "cat": [(281, 285)], "kitten": [(281, 285)],
    "wild cat": [(286, 293)], "fish": [0, 1, (389, 397)], "shark": [(2, 4)],
    "bird": [(7, 24), (80, 100), (127, 146)], "snake": [(52, 68)], "lizard": [(38, 48)],
    "turtle": [(33, 37)], "frog": [(30, 32)], "spider": [(72, 77)], "insect": [(300, 326)],
    "beetle": [(300, 307)], "butterfly": [(321, 326)], "monkey": [(370, 382)], "ape": [(365, 369)],
    "bear": [(294, 297)], "wolf": [(269, 272)], "fox": [(277, 280)], "rabbit": [(330, 332)],
    "horse": [339], "sheep": [348, 349], "deer": [(351, 353)], "antelope": [(351, 353)],
    "cow": [345, 346], "elephant": [385, 386], "pig": [341, 342], "whale": [147, 148],
    "crab": [(118, 121)], "owl": [24], "parrot": [(87, 90)], "chicken": [7, 8],
    "duck": [97, 98], "car": [436, 468, 511, 609, 627, 656, 661, 751, 817],
    "automobile": [436, 468, 511, 609, 627, 656, 661, 751, 817],
    "truck": [555, 569, 675, 717, 864, 867], "bus": [654, 779, 874],
    "train": [466, 547, 565, 705, 820], "airplane": [404, 895], "aircraft": [404, 405, 895],
    "boat": [472, 554, 576, 625, 814, 871, 914], "ship": [403, 510, 628, 724],
    "bicycle": [444, 671], "bike": [444, 671], "motorcycle": [665, 670],
    "vehicle": [407, 436, 468, 511, 555, 569, 609, 627, 654, 656, 661, 675, 717, 751, 779, 817,
                864, 867, 874],
    "fruit": [(948, 957)], "vegetable": [(936, 947)], "dessert": [(927, 929)],
    "bread": [(930, 932)], "food": [(924, 965)], "mountain": [970, 980], "beach": [977, 978],
    "flower": [985, 986], "fungus": [(991, 997)],
    "musical instrument": [401, 402, 420, 432, 486, 513, 541, 546, 558, 566, 579, 593, 594, 683,
                           687, 699, 776, 875, 881, 889],
    "guitar": [402, 546], "piano": [579, 881],
    "ball": [429, 430, 522, 574, 722, 768, 805, 852, 890], "computer": [527, 590, 620, 681],
    "telephone": [487, 528, 707], "phone": [487, 528, 707], "clock": [409, 530, 892],
    "chair": [423, 559, 765], "gun": [413, 763, 764], "hat": [439, 452, 515, 808],
    "shoe": [502, 514, 630, 770, 774], "bridge": [821, 839, 888],
    "building": [483, 497, 663, 668, 698, 832], "bottle": [440, 720, 737, 898, 907],
    "cup": [504, 968], "animal": [(0, 397)],
}  # fmt: skip


@dataclass(frozen=True)
class Names:
    """Labels: the classes first, then the everyday words.

    `words[label]` are a label's names, best first; `true` is bool (CLASSES, labels): which
    labels hold for a picture of a class.
    """

    words: list[list[str]]
    true: npt.NDArray[np.bool_]


def _members(ranges: list[int | tuple[int, int]]) -> list[int]:
    spans = [(part, part) if isinstance(part, int) else part for part in ranges]
    return [number for first, last in spans for number in range(first, last + 1)]


def synsets(texts: Path) -> list[str]:
    """The synonyms of each class as WordNet lists them, in the order of the teacher's outputs."""
    return (texts / "imagenet_labels.txt").read_text().splitlines()[1:]


def load_names(texts: Path) -> Names:
    """Names from `imagenet_labels.txt` and CLIP's own, cleaner ones from `en_classnames.json`."""
    clean = json.loads((texts / "en_classnames.json").read_text())["imagenet1k"]
    words = [list(dict.fromkeys([name, *(w.strip() for w in synset.split(","))]))
             for name, synset in zip(clean, synsets(texts), strict=True)]  # fmt: skip
    true = np.zeros((CLASSES, CLASSES + len(_KINDS)), bool)
    np.fill_diagonal(true, True)
    for column, (kind, ranges) in enumerate(_KINDS.items(), start=CLASSES):
        true[_members(ranges), column] = True
        words.append([kind])
    return Names(words, true)


def class_of_wordnet(texts: Path, listing: str) -> dict[str, int]:
    """WordNet numbers to classes, by the synonyms in Tiny-ImageNet's `words.txt`."""
    classes: dict[str, int] = {}
    for number, synset in enumerate(synsets(texts)):
        classes.setdefault(synset, number)
    pairs = (line.split("\t", 1) for line in listing.splitlines() if "\t" in line)
    return {number: classes[synset] for number, synset in pairs if synset in classes}

"""Learn what words look like to the bundled model: `mmembed/bundled/learned_words.npz`.

    python -m training.learned_words --texts TEXTS --flickr FOLDER --tiny FOLDER [--out FILE]

TEXTS holds `flickr8k_captions.csv`, `flickr8k_split_train.txt` and Tiny-ImageNet's `words.txt`. The
folders hold photographs of Flickr8k and training pictures of Tiny-ImageNet, `WNID_NUMBER.JPEG`.

For each word the direction that tells the pictures with it from the others (linear discriminant,
with a shrunk covariance) is the target. A kernel ridge regression leads from the word's embedding,
as the bank corrects it, to the target. Some minutes with 6,000 and 4,000 pictures on two cores.
"""

from __future__ import annotations

import argparse
import csv
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed import Collection, Settings
from mmembed.models.inputs import ImageInput
from mmembed.search.bank.bank import FEW
from mmembed.search.bank.bank_texts import shipped_texts
from mmembed.search.hub_correction import corrected
from mmembed.search.learned_words import FILE, LearnedWords, kernel, write_words
from mmembed.types import Embeddings

FEWEST = 20
"""Photographs that a word of captions needs."""
SHRINKAGE = 0.1
"""Of the covariance: the share of its mean variance that is added."""
KEPT = 0.7
"""Weight of the word as it is, in deviations of its scores, where the target weighs 1."""
RIDGE = 1.0
HALF = 30
"""Pictures with which a word has half of the weight of one with many."""
_LITTLE = {
    "a", "about", "across", "after", "against", "all", "along", "an", "and", "another", "are",
    "around", "as", "at", "be", "been", "behind", "being", "between", "by", "down", "each",
    "five", "for", "four", "from", "front", "had", "has", "have", "having", "he", "her", "his",
    "in", "into", "is", "it", "its", "look", "looking", "near", "next", "no", "not", "of",
    "off", "on", "one", "onto", "or", "other", "out", "over", "she", "some", "that", "the",
    "their", "there", "they", "this", "three", "through", "to", "two", "under", "up", "very",
    "was", "wearing", "were", "what", "which", "while", "who", "with",
}  # fmt: skip


@dataclass(frozen=True)
class Labelled:
    """Pictures, and words with the rows of the pictures that show them."""

    pictures: Embeddings
    members: Mapping[str, Sequence[int]]
    weight: float = 1.0


@dataclass(frozen=True)
class Texts:
    """How the model embeds and counts texts."""

    embed: Callable[[Sequence[str]], Embeddings]
    tokens: Callable[[str], int]

    def words_mean(self) -> NDArray[np.float32]:
        """The mean of the bank's words, see `Bank.words_mean`."""
        short = [text for text in shipped_texts() if len(text.split()) <= FEW]
        return np.asarray(self.embed(short).mean(axis=0, dtype=np.float64), np.float32)


def learn(sets: Sequence[Labelled], texts: Texts) -> tuple[list[str], LearnedWords]:
    """The words of all sets, and what was learned of them."""
    mean = texts.words_mean()
    words, rows, shifts, weights = list[str](), [], [], []
    for labelled in sets:
        names = list(labelled.members)
        embedded = texts.embed(names)
        words += names
        rows.append(embedded)
        as_now = corrected(embedded, [texts.tokens(name) for name in names], mean)
        shifts.append(_wanted_shifts(as_now, labelled))
        counts = np.array([len(labelled.members[name]) for name in names])
        weights.append(labelled.weight * counts / (counts + HALF))
    return words, _regression(np.concatenate(rows), np.concatenate(shifts), np.concatenate(weights))


def _wanted_shifts(as_now: Embeddings, labelled: Labelled) -> Embeddings:
    """From words as they rank now to where they should be, so that the scores of the one and the
    other have the same deviation."""
    pictures = labelled.pictures.astype(np.float64)
    centred = pictures - pictures.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    shrunk = covariance + SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(
        as_now.shape[1]
    )
    means = [centred[list(rows)].mean(axis=0) for rows in labelled.members.values()]
    targets = np.linalg.solve(shrunk, np.stack(means).T).T
    scale = _deviations(as_now, covariance) / _deviations(targets, covariance)
    return np.asarray(targets * scale[:, None] / KEPT - as_now, np.float32)


def _deviations(rows: NDArray[np.floating], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the scores that rows, (n, dim), give pictures of a covariance."""
    return np.asarray(np.sqrt(np.einsum("nd,de,ne->n", rows, covariance, rows)), np.float64)


def _regression(rows: Embeddings, shifts: Embeddings, weights: NDArray[np.float64]) -> LearnedWords:
    centre = rows.mean(axis=0)
    keys = rows - centre
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    alike = kernel(keys @ keys.T).astype(np.float64) + np.diag(RIDGE / weights)
    return LearnedWords(centre, keys, np.asarray(np.linalg.solve(alike, shifts), np.float32))


def words_of_captions(captions: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """The words that FEWEST pictures or more have in their captions, in both numbers."""
    pictures, forms = defaultdict[str, set[int]](set), Counter[tuple[str, str]]()
    for row, told in enumerate(captions):
        for word in re.findall(r"[a-z]{3,}", " ".join(told).lower()):
            if word not in _LITTLE:
                pictures[_singular(word)].add(row)
                forms[_singular(word), word] += 1
    return {
        form: sorted(pictures[word])
        for (word, form), count in forms.items()
        if len(pictures[word]) >= FEWEST and count >= 3
    }


def _singular(word: str) -> str:
    return re.sub(r"(?<=[a-z]{3})(?<!s)s$", "", word)


def read_flickr(texts: Path) -> dict[str, list[str]]:
    """File names of the training photographs → their captions."""
    wanted = set((texts / "flickr8k_split_train.txt").read_text("utf-8").split())
    captions = defaultdict[str, list[str]](list)
    with (texts / "flickr8k_captions.csv").open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            if line["image"] in wanted:
                captions[line["image"]].append(line["caption"])
    return dict(sorted(captions.items()))


def read_tiny(texts: Path, files: Sequence[Path]) -> dict[str, list[int]]:
    """First names of classes → the rows of their pictures."""
    lines = (texts / "words.txt").read_text("utf-8").splitlines()
    names = dict(line.split("\t") for line in lines)
    members = defaultdict[str, list[int]](list)
    for row, file in enumerate(files):
        members[names[file.name.split("_")[0]].split(",")[0]].append(row)
    return dict(members)


def embed_files(collection: Collection, files: Sequence[Path], step: int = 256) -> Embeddings:
    """float32 (n, dim)."""
    rows = []
    for begin in range(0, len(files), step):
        some = [ImageInput(str(file), file.read_bytes()) for file in files[begin : begin + step]]
        rows += [np.asarray(row, np.float32) for row in collection.embed_images(some)]
    return np.stack(rows)


def texts_of(collection: Collection) -> Texts:
    """As a collection's model embeds them."""
    model = collection.embedder

    def embed(texts: Sequence[str]) -> Embeddings:
        return model.all_texts([str(number) for number in range(len(texts))], texts)

    return Texts(embed, model.encoder.count_tokens)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--texts", "--flickr", "--tiny"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--out", type=Path, default=FILE)
    arguments = parser.parse_args()
    captions = read_flickr(arguments.texts)
    tiny = sorted(arguments.tiny.glob("*.JPEG"))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.from_env({}, data=Path(folder), model="bundled")
        with Collection(settings) as collection:
            photographs = embed_files(collection, [arguments.flickr / name for name in captions])
            sets = [
                Labelled(photographs, words_of_captions(list(captions.values()))),
                Labelled(embed_files(collection, tiny), read_tiny(arguments.texts, tiny), 2.0),
            ]
            words, learned = learn(sets, texts_of(collection))
            fingerprint = collection.embedder.encoder.facts.fingerprint
    write_words(arguments.out, fingerprint, words, learned)
    print(f"{len(words)} words → {arguments.out}")


if __name__ == "__main__":
    main()

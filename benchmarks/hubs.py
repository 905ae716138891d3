"""How many pictures answer everyday words, and how well, with the bank of texts and without.

    python -m benchmarks.hubs FOLDER… [--model bundled] [--words FILE]    → a table in Markdown

Each folder holds pictures and `captions.jsonl`: `{"file_name": …, "captions": […]}` a line. Without
that file, a picture's caption is its name after the first `_`. Captions are for judging alone; they
are not indexed, and the pictures get other names. A picture fits a word that is in its captions.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed import Collection, Hit, Settings, Term

WORDS = (
    "man woman boy girl child baby people crowd dog puppy cat horse bird cow fish bicycle "
    "motorcycle car truck bus boat train skateboard snowboard surfboard ball football soccer "
    "basketball baseball tennis helmet hat cap shirt jacket coat dress jeans sunglasses bench "
    "chair table couch bed fence wall door window stairs street road sidewalk bridge building "
    "house city beach ocean water pool river lake waterfall mountain hill rock cliff snow ice "
    "grass field tree forest flower leaf sand sky sunset fire food drink guitar camera "
    "umbrella bag rope swing slide toy stick flag sign kayak tent backpack wedding "
)
FIRST, RECALL_AT = 12, 10
FEWEST = 5
"""Pictures that a word must fit: the precision of rarer ones says little."""
DRAWS = 2000


@dataclass(frozen=True)
class Judged:
    """A collection without captions, and the captions of its pictures, by item."""

    collection: Collection
    captions: dict[int, list[str]]

    def shown(self, words: list[str]) -> list[list[int]]:
        """The first pictures of each word."""
        return [[hit.item.id for hit in self._hits(word, FIRST)] for word in words]

    def found(self) -> NDArray[np.bool_]:
        """Whether each caption, as a query, finds its picture among the first ten."""
        return np.array([
            any(hit.item.id == item_id for hit in self._hits(caption, RECALL_AT))
            for item_id, captions in self.captions.items() for caption in captions
        ])  # fmt: skip

    def _hits(self, text: str, count: int) -> tuple[Hit, ...]:
        return self.collection.search([Term(text=text)], k=count).hits


def stems(text: str) -> set[str]:
    """The words of a text without the s of a plural."""
    words = re.findall(r"[a-z]+", text.lower())
    return {re.sub(r"(?<=[a-z]{3})(?<!s)s$", "", word) for word in words}


def read_captions(folder: Path) -> dict[str, list[str]]:
    """Captions by file name."""
    told = folder / "captions.jsonl"
    if told.exists():
        rows = map(json.loads, told.read_text("utf-8").splitlines())
        return {row["file_name"]: row["captions"] for row in rows}
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return {path.name: [path.stem.partition("_")[2].replace("_", " ")] for path in files}


def judge(
    judged: Judged, words: list[str], fits: dict[str, set[int]]
) -> dict[str, NDArray[np.float64]]:
    """The precision of each word, whether each caption is found, and how often pictures come up."""
    shown = judged.shown(words)
    pairs = zip(words, shown, strict=True)
    return {
        "precision": np.array([len(fits[word] & set(ids)) / FIRST for word, ids in pairs]),
        "found": judged.found(),
        "times": np.array(list(Counter(one for ids in shown for one in ids).values())),
    }


def interval(figures: NDArray[np.float64], of: str = "") -> str:
    """The mean with its 95 % interval by bootstrap."""
    draw = np.random.default_rng(0).integers(len(figures), size=(DRAWS, len(figures)))
    low, high = np.quantile(figures[draw].mean(axis=1), [0.025, 0.975])
    return f"{figures.mean():.3f} [{low:.3f}, {high:.3f}]{of}"


def ratio(before: NDArray[np.float64], after: NDArray[np.float64]) -> str:
    """The ratio of two means over the same words, with its interval."""
    draw = np.random.default_rng(0).integers(len(before), size=(DRAWS, len(before)))
    low, high = np.quantile(after[draw].mean(axis=1) / before[draw].mean(axis=1), [0.025, 0.975])
    return f"{after.mean() / before.mean():.2f} [{low:.2f}, {high:.2f}]"


def indexed(folders: list[Path], work: Path) -> tuple[Path, dict[str, list[str]]]:
    """Pictures under numbers, and their captions by these names."""
    pictures, captions = work / "pictures", dict[str, list[str]]()
    pictures.mkdir()
    for folder in folders:
        for name, some in read_captions(folder).items():
            number = f"{len(captions)}{Path(name).suffix}"
            shutil.copyfile(folder / name, pictures / number)
            captions[number] = some
    return pictures, captions


def main() -> None:
    """Index, search with the bank and without, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--words", type=Path)
    asked = parser.parse_args()
    wanted = asked.words.read_text("utf-8").split() if asked.words else WORDS.split()
    with tempfile.TemporaryDirectory() as work:
        pictures, captions = indexed(asked.folders, Path(work))
        results = {}
        for bank in ("off", ""):
            settings = Settings.from_env({}, data=Path(work) / "data", model=asked.model, bank=bank)
            with Collection(settings) as collection:
                collection.index([pictures], progress=lambda done, total, failed: None)
                collection.make_bank(lambda done, total, failed: None)
                items = collection.items(limit=len(captions), kind="image")
                told = {item.id: captions[Path(str(item.path)).name] for item in items}
                fits = {
                    word: {one for one, some in told.items() if word in stems(" ".join(some))}
                    for word in wanted
                }
                words = [word for word in wanted if len(fits[word]) >= FEWEST]
                results[bank] = judge(Judged(collection, told), words, fits)
        report(results["off"], results[""], len(captions), len(words))


def report(
    before: dict[str, NDArray[np.float64]],
    after: dict[str, NDArray[np.float64]],
    count: int,
    words: int,
) -> None:
    """Print the table."""
    print(f"{count} pictures, {words} words, {len(before['found'])} captions\n")
    print("| | as they are | corrected | |\n|---|---|---|---|")
    gain = after["found"].astype(float) - before["found"]
    for name, figures, more in (
        (
            f"precision@{FIRST} of words",
            "precision",
            ratio(before["precision"], after["precision"]),
        ),
        (f"recall@{RECALL_AT} of captions", "found", interval(gain, " difference")),
    ):
        print(f"| {name} | {interval(before[figures])} | {interval(after[figures])} | {more} |")
    for name, of in (("most often shown picture", np.max), ("pictures shown", len)):
        print(f"| {name} | {of(before['times'])} | {of(after['times'])} | |")


if __name__ == "__main__":
    main()

"""Whether `match` and its strength tell words that a collection holds from words that it lacks.

    python -m benchmarks.query_fit BANK.npz CASE.npz…    → a table in Markdown

A bank holds `texts` and their `embeddings`; with the `fingerprint` of the model, words rank by what
it learned of them, too. A case holds `pictures` (n, dim), `words` (m, dim), all
unit-norm and by the model of the bank, `names` (m,) of the words, and `present` (m,): whether the
pictures show the words. Cases whose names differ in what follows the last `-` are draws of one row.
Intervals are by bootstrap of the words, which several draws may share.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmembed.search.bank.bank import Bank
from mmembed.search.hub_correction import corrected
from mmembed.search.learned_words import LearnedWords, learned_words
from mmembed.search.match import JUDGED, match_of_words, strength_of_words
from mmembed.search.text_fit import TextFit

DRAWS = 500
SAMPLE = 1024
SINGLE = 3
"""Tokens of a word, with start and end."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """Of the queries of one draw; all (m,)."""

    names: NDArray[np.str_]
    present: NDArray[np.bool_]
    cosines: Floats
    """Of the best hit."""
    strengths: Floats
    matches: NDArray[np.str_]


def outcome(case: Any, bank: Bank, learned: LearnedWords | None = None) -> Outcome:
    """Judges the words of a case as a search does."""
    pictures, words = case["pictures"], case["words"]
    fit = TextFit(bank, pictures[:: -(-len(pictures) // SAMPLE)])
    ranking = corrected(words, [SINGLE] * len(words), bank.words_mean, learned) @ pictures.T
    cosines, strengths, matches = [], [], []
    for query, values in zip(words, ranking, strict=True):
        cosines.append(float((pictures @ query).max()))
        first = fit.of(query, pictures[np.argsort(-values)[:JUDGED]], strengths=JUDGED).strengths
        sample = fit.in_sample(query)
        strengths.append(strength_of_words(first, sample, len(sample)))
        matches.append(match_of_words(first, sample, len(pictures)))
    return Outcome(
        case["names"], case["present"], np.array(cosines), np.array(strengths), np.array(matches)
    )


def auroc(values: Floats, present: NDArray[np.bool_]) -> float:
    """How often words that are present have the larger value."""
    return float((values[present][:, None] > values[~present]).mean())


def interval(outcomes: list[Outcome], figure: Any) -> str:
    """A figure of an outcome, the mean over the draws, and its 95 % interval by bootstrap."""
    rng = np.random.default_rng(0)
    names = np.unique(np.concatenate([draw.names for draw in outcomes]))
    places = [np.searchsorted(names, draw.names) for draw in outcomes]
    means = []
    for _ in range(DRAWS):
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        some = [np.repeat(np.arange(len(place)), times[place]) for place in places]
        means.append(np.mean([figure(*pair) for pair in zip(outcomes, some, strict=True)]))
    centre = np.mean([figure(draw, np.arange(len(draw.present))) for draw in outcomes])
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{centre:.3f} [{low:.3f}, {high:.3f}]"


def row(name: str, outcomes: list[Outcome]) -> str:
    """A row of the table."""
    by_cosine = interval(outcomes, lambda one, some: auroc(one.cosines[some], one.present[some]))
    by_strength = interval(
        outcomes, lambda one, some: auroc(one.strengths[some], one.present[some])
    )
    gain = interval(
        outcomes,
        lambda one, some: (
            auroc(one.strengths[some], one.present[some])
            - auroc(one.cosines[some], one.present[some])
        ),
    )
    present = np.concatenate([one.present for one in outcomes])
    matches = np.concatenate([one.matches for one in outcomes])
    yes, no = matches == "yes", matches == "no"
    said = (
        f"{present[yes].sum()} of {yes.sum()} | {(~present[no]).sum()} of {no.sum()} | "
        f"{(matches == 'unsure').mean():.2f}"
    )
    queries = f"{present.sum()} + {(~present).sum()}"
    return f"| {name} | {queries} | {by_cosine} | {by_strength} | {gain} | {said} |"


def main(paths: Iterable[Path], bank: Bank, learned: LearnedWords | None) -> None:
    """Prints the table."""
    print(
        "| | queries present + absent | AUROC of the best cosine | AUROC of the strength | gain | "
        "`yes` right | `no` right | unsure |\n|---|---|---|---|---|---|---|---|"
    )
    for name, cases in groupby(sorted(paths), lambda path: path.stem.rpartition("-")[0]):
        print(row(name, [outcome(np.load(path), bank, learned) for path in cases]), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("cases", type=Path, nargs="+")
    arguments = parser.parse_args()
    stored = np.load(arguments.bank)
    known = learned_words(str(stored["fingerprint"])) if "fingerprint" in stored else None
    main(arguments.cases, Bank(tuple(map(str, stored["texts"])), stored["embeddings"]), known)

"""How much a few examples of each class help: by words alone, learned, and by other rules.

    python -m benchmarks.few_shot FOLDER [--model bundled] [--classes N]    → a table in Markdown

FOLDER holds a folder of pictures for each class, whose name is its label. Half of each class gives
the examples, the other half is judged. Each seed draws its own classes, halves and examples.

means   the nearest class mean
GDA     Gaussian discriminant analysis on top of the words (Wang et al., A Hard-to-Beat Baseline for
        Training-free CLIP-based Adaptation, ICLR 2024, arXiv 2402.04087); its weight is chosen by
        cross-validation on the examples
learned `mmembed.classify.few_shot`
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmembed.classify.few_shot import Examples, Start, learn
from mmembed.config.settings import Settings
from mmembed.eval import Bench, read_labelled, read_labels, read_templates
from mmembed.eval.zero_shot_accuracy import Task, label_matrix, templates_for
from mmembed.types import Embeddings

SHOTS = (1, 2, 4, 8, 16)
WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pictures:
    """Embedded pictures with their classes."""

    rows: Embeddings
    truth: NDArray[np.int64]
    words: Embeddings
    scale: float
    """Of the model, divided by its temperature."""

    def drawn(self, classes: int, seed: int) -> tuple[Pictures, Pictures]:
        """Some of the classes: a half for examples, and a half to be judged."""
        generator = np.random.default_rng(seed)
        chosen = np.sort(generator.permutation(len(self.words))[:classes])
        pool: list[int] = []
        judged: list[int] = []
        for label in chosen:
            mine = generator.permutation(np.flatnonzero(self.truth == label))
            pool += mine[: len(mine) // 2].tolist()
            judged += mine[len(mine) // 2 :].tolist()
        place = np.searchsorted(chosen, self.truth)
        words = self.words[chosen]
        return (
            Pictures(self.rows[pool], place[pool], words, self.scale),
            Pictures(self.rows[judged], place[judged], words, self.scale),
        )

    def shots(self, count: int, seed: int) -> Examples:
        """`count` examples of each class."""
        generator = np.random.default_rng(seed)
        some = [
            generator.permutation(np.flatnonzero(self.truth == label))[:count]
            for label in range(len(self.words))
        ]
        chosen = np.concatenate(some)
        return Examples(self.rows[chosen], self.truth[chosen], self.words)


def by_words(examples: Examples, scale: float) -> tuple[Floats, Floats]:
    """Weights (dim, classes) and bias (classes,)."""
    return scale * examples.words.T.astype(np.float64), np.zeros(len(examples.words))


def by_means(examples: Examples, scale: float) -> tuple[Floats, Floats]:
    """The nearest class mean."""
    means = _means(examples)
    return means.T, -(means**2).sum(axis=1) / 2


def by_gda(examples: Examples, scale: float) -> tuple[Floats, Floats]:
    """Words plus discriminant analysis, by the weight that fits left-out examples best."""
    scores = np.zeros(len(WEIGHTS))
    order = np.argsort(examples.truth, kind="stable")
    for fold in range(5):
        held = np.zeros(len(order), bool)
        held[order[fold::5]] = True
        if held.any() and not held.all():
            left_out = examples.part(held)
            for place, (weights, bias) in enumerate(_weighted(examples.part(~held), scale)):
                logits = left_out.rows @ weights + bias
                logits -= logits.max(axis=1, keepdims=True)
                chances = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
                scores[place] += chances[np.arange(len(chances)), left_out.truth].sum()
    return list(_weighted(examples, scale))[int(scores.argmax())]


def _weighted(examples: Examples, scale: float) -> list[tuple[Floats, Floats]]:
    words, zero = by_words(examples, scale)
    weights, bias = _discriminant(examples)
    return [(words + share * weights, zero + share * bias) for share in WEIGHTS]


def _discriminant(examples: Examples) -> tuple[Floats, Floats]:
    """The paper's precision matrix: dim · ((n − 1) Σ + tr(Σ) I)⁻¹."""
    means, rows = _means(examples), examples.rows.astype(np.float64)
    off = rows - means[examples.truth]
    covariance = off.T @ off / max(1, len(rows) - 1)
    trace = max(np.trace(covariance), 1e-3)
    dim = rows.shape[1]
    precision = dim * np.linalg.inv((len(rows) - 1) * covariance + trace * np.eye(dim))
    weights = precision @ means.T
    return weights, -(means * weights.T).sum(axis=1) / 2


def _means(examples: Examples) -> Floats:
    count = np.bincount(examples.truth, minlength=len(examples.words))
    sums = np.zeros(examples.words.shape)
    np.add.at(sums, examples.truth, examples.rows.astype(np.float64))
    present = count > 0
    sums[present] /= count[present, None]
    sums[~present] = examples.words[~present]
    return sums


def by_learning(examples: Examples, scale: float) -> tuple[Floats, Floats]:
    """As the package does it."""
    learned = learn(examples, [Start(scale)])
    return learned.weights, learned.bias


RULES: dict[str, Callable[[Examples, float], tuple[Floats, Floats]]] = {
    "words": by_words,
    "means": by_means,
    "GDA": by_gda,
    "learned": by_learning,
}


def embedded(folder: Path, model: str, data: Path) -> Pictures:
    """The pictures of a folder; vectors are kept below `data`."""
    found = read_labelled(folder)
    labels = read_labels(found.classes, None, limit=2000)
    task = Task(found, labels, read_templates("usual"))
    bench = Bench(Settings.from_env(data=data, model=model), lambda *_: None)
    with bench.model(model) as measured:
        images = measured.images(found.paths)
        words = label_matrix(measured, labels, templates_for(measured, task))
        scale = measured.encoder.facts.logit_scale / measured.calibration.temperature
    truth = np.array([labels.of_class[found.classes[i]] for i in np.flatnonzero(images.kept)])
    return Pictures(images.rows, truth, words, scale)


def accuracies(pictures: Pictures, classes: int, shots: int, seeds: int) -> dict[str, Floats]:
    """The accuracy of each rule, (seeds,)."""
    found: dict[str, list[float]] = {name: [] for name in RULES}
    for seed in range(seeds):
        pool, judged = pictures.drawn(classes, seed)
        examples = pool.shots(shots, seed)
        for name, rule in RULES.items():
            weights, bias = rule(examples, pictures.scale)
            right = (judged.rows @ weights + bias).argmax(axis=1) == judged.truth
            found[name].append(float(right.mean()))
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--data", type=Path, default=Path("~/.cache/mmembed-bench").expanduser())
    parser.add_argument("--classes", type=int, default=20, help="drawn by each seed")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shots", type=int, nargs="+", default=list(SHOTS))
    asked = parser.parse_args()
    pictures = embedded(asked.folder, asked.model, asked.data)
    print("| examples | " + " | ".join(RULES) + " | learned − words, lowest of the seeds |")
    print("|---|" + "---|" * (len(RULES) + 1))
    for shots in asked.shots:
        found = accuracies(pictures, asked.classes, shots, asked.seeds)
        cells = [f"{v.mean():.3f} ± {1.96 * v.std() / len(v) ** 0.5:.3f}" for v in found.values()]
        worst = (found["learned"] - found["words"]).min()
        print(f"| {shots} | " + " | ".join(cells) + f" | {worst:+.3f} |", flush=True)


if __name__ == "__main__":
    main()

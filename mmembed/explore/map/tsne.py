"""t-SNE by openTSNE, an optional library: points of many numbers → places on a plane.

openTSNE: Poličar, Stražar, Zupan, Journal of Statistical Software 109 (3), 2024; t-SNE: van der
Maaten, Hinton, JMLR 9, 2008; start from principal components: Kobak, Berens, Nature Communications
10, 2019.
"""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from mmembed.cancellation import current_caller
from mmembed.explore.neighbours import Neighbourhood
from mmembed.types import Progress

PERPLEXITY = 30.0
NEIGHBOURS = 90
"""Three times the perplexity."""
FEWEST = 16
"""Different points; fewer are shown as well by their principal components."""
EARLY, LATER = 250, 500
"""Steps with exaggerated attraction, which parts the groups, and without."""
EXAGGERATION = 12
MOMENTUM = 0.8
EVERY = 10
"""Steps between two reports."""
START_SPREAD = 1e-4
THREADS = 2
ALONE = 2_000
"""Points up to which one thread is faster than several, which wait for each other."""
SEED = 0


def is_installed() -> bool:
    """Whether openTSNE is there; it is not imported."""
    return find_spec("openTSNE") is not None


def name() -> str:
    """The reducer as a map names it."""
    return f"t-SNE (openTSNE {version('openTSNE')})"


def tsne(rows: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
    """float32 (n, axes), by falling variance, at least FEWEST different ones → float32 (n, 2). The
    same for the same points on the same machine. Raises Abandoned."""
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    threads = 1 if len(rows) <= ALONE else THREADS
    places, distances = _neighbours(rows)
    perplexity = min(PERPLEXITY, places.shape[1] / 3)
    affinities = PerplexityBasedNN(
        knn_index=PrecomputedNeighbors(places, distances), perplexity=perplexity, n_jobs=threads
    )
    start = rows[:, :2].astype(np.float64)
    embedding = TSNEEmbedding(
        start / max(float(start[:, 0].std()), 1e-12) * START_SPREAD,
        affinities,
        n_jobs=threads,
        random_state=SEED,
        callbacks_every_iters=EVERY,
    )
    for steps, before, exaggeration in ((EARLY, 0, EXAGGERATION), (LATER, EARLY, 1)):
        embedding.optimize(
            steps,
            inplace=True,
            exaggeration=exaggeration,
            momentum=MOMENTUM,
            callbacks=[_Report(progress, before)],
        )
    return np.asarray(embedding, np.float32)


def _neighbours(rows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The places of the nearest others of each point, and their distances."""
    count = min(NEIGHBOURS, len(rows) - 1)
    places = np.empty((len(rows), count), np.int64)
    distances = np.empty((len(rows), count))
    for part, some, squares in Neighbourhood(rows).nearest(rows, count, own=True):
        places[part] = some
        distances[part] = np.sqrt(squares)
    return places, distances


class _Report:
    """Called by openTSNE every few steps."""

    def __init__(self, progress: Progress, before: int) -> None:
        self._progress = progress
        self._before = before

    def __call__(self, step: int, error: float, embedding: object) -> bool:
        """Never stops the work: whoever leaves ends it by Abandoned."""
        current_caller().check()
        self._progress(self._before + step, EARLY + LATER, 0)
        return False

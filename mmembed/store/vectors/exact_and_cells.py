"""A view that is searched in each of its two ways, to compare them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmembed.store.vectors.rescoring import Ids
from mmembed.store.vectors.vector_view import VectorView
from mmembed.types import Kind, Ranked


class ExactAndCells:
    """A view without other users; see Index. For one thread."""

    def __init__(self, view: VectorView) -> None:
        """Missing cells are built."""
        self._view = view
        self.kind: Kind = view.kind
        large = view.has_cells and len(view) > view.exact_limit
        self.in_use: Literal["exact", "cells"] = "cells" if large else "exact"
        if not view.has_cells:
            view.build()

    def __len__(self) -> int:
        return len(self._view)

    def ids(self) -> Ids:
        """See Index.ids."""
        return self._view.ids()

    def exact(self, query: NDArray[np.float32], count: int) -> Ranked:
        """See Index.exact."""
        self._view.exact_limit = len(self._view)
        return self._view.search(query, count)

    def approximate(self, query: NDArray[np.float32], count: int) -> Ranked:
        """See Index.approximate: by the cells."""
        self._view.exact_limit = 0
        return self._view.search(query, count)

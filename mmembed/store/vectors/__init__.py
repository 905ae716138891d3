"""Views of the catalog's vectors that can always be rebuilt. Owns usearch and numkong.

snapshot (a verified file) → graph (vectors and HNSW) ┐
grid (a vector in int8) → scan (an int8 copy of all)  ┴ scoring (an order) → view (search)
"""

from mmembed.store.vectors.rescoring import unit
from mmembed.store.vectors.vector_view import VectorView

__all__ = ["VectorView", "unit"]

"""Views of the catalog's vectors that can always be rebuilt. Owns usearch and numkong.

snapshot (a verified file) → hnsw (the graph and its vectors)   ┐
int8_codes (a vector in int8) → int8_scan (an int8 copy of all) ┴ rescoring → vector_view (search)
"""

from mmembed.store.vectors.rescoring import unit
from mmembed.store.vectors.vector_view import VectorView

__all__ = ["VectorView", "unit"]

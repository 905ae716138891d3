"""USearch: views of the catalog's vectors that can always be rebuilt. Owns usearch.

snapshot (a verified file), scoring (cosines → an order) → view (search, exact or HNSW)
"""

from mmembed.index.scoring import unit
from mmembed.index.view import VectorView

__all__ = ["VectorView", "unit"]

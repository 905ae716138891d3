"""Views of the catalog's vectors that can always be rebuilt. Owns numkong.

table (vectors by id) ┬ rotation (int8) → packed_codes → centroids → clustering, cell_codes →
                      │   cell_search → cells, reach ← margins (chooses the reach) ───────┐
                      └ int8_codes (int8 with bounds) → int8_scan (exact search) ─────────┴
    → generation (all of one moment) → view (follows the catalog, searches, builds) ⇄
      saved_generation ⇄ snapshot
"""

from mmembed.store.vectors.rescoring import unit
from mmembed.store.vectors.vector_view import RECALL, VectorView

__all__ = ["RECALL", "VectorView", "unit"]

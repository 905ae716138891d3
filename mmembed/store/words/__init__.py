"""Words about images, in every store alike: tokens, stems → bm25 → ranking."""

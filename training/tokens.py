"""The bundled model's tokenizer: open_clip's own, with the rarest merges left out."""

from __future__ import annotations

import gzip
from pathlib import Path

from .clip import SimpleTokenizer, open_clip

MERGES = 8000
VOCABULARY = 512 + MERGES + 2
CONTEXT = 32
MERGES_FILE = "bpe_merges.txt.gz"


def write_merges(folder: Path) -> Path:
    """Write the first `MERGES` merges of open_clip's list as `MERGES_FILE` into `folder`."""
    source = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(source.read_bytes()).decode("utf-8").split("\n")
    target = folder / MERGES_FILE
    target.write_bytes(gzip.compress("\n".join(lines[: MERGES + 1]).encode("utf-8"), mtime=0))
    return target


def load_tokenizer(merges: Path) -> SimpleTokenizer:
    """The tokenizer of this merges file: texts to int64 (n, CONTEXT)."""
    return SimpleTokenizer(bpe_path=str(merges), context_length=CONTEXT)

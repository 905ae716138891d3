"""Keeps label matrices in the cache folder, a file for each model, engine, labels and prompts.

The folder may be deleted. It holds the matrices that were used last, up to a number of bytes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmembed import files
from mmembed.models.encoder import EncoderFacts
from mmembed.types import Embeddings

log = logging.getLogger(__name__)

FOLDER = "labels"
MOST_BYTES = 200_000_000
"""Of all files: 200,000 labels with 256 numbers each."""
LEAST_PROMPTS = 64
"""Fewer prompts are embedded about as fast as a file is read."""
NORM_SLACK = 1e-3
"""Rows of a norm further from 1 are no embeddings."""
SUFFIX = ".f32"


class KeptMatrices:
    """The label matrices of one cache folder. Any thread and process may call it."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / FOLDER

    def find(
        self, facts: EncoderFacts, labels: Sequence[str], templates: Sequence[str]
    ) -> Embeddings | None:
        """float32 (labels, dim), unit-norm; None if it was not kept, or the file is damaged."""
        about = _about(facts, labels, templates)
        path = self._path(facts, about)
        try:
            content = files.read_sealed(path, about=about)
            rows = np.frombuffer(content, "<f4").reshape(len(labels), facts.dim)
            if not (np.abs(np.linalg.norm(rows, axis=1) - 1) < NORM_SLACK).all():
                raise ValueError("its rows are not unit-norm")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("%s: cannot be used (%s); the labels are embedded again", path, error)
            return None
        _touch(path)
        return np.array(rows, np.float32)

    def keep(
        self,
        facts: EncoderFacts,
        labels: Sequence[str],
        templates: Sequence[str],
        matrix: Embeddings,
    ) -> None:
        """Write a matrix, and remove those that were not used for longest. If that fails, the next
        process embeds the labels again."""
        content = matrix.astype("<f4").tobytes()
        if len(labels) * len(templates) < LEAST_PROMPTS or len(content) > MOST_BYTES // 4:
            return
        about = _about(facts, labels, templates)
        path = self._path(facts, about)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            files.write_sealed(path, content, about=about)
            self._make_room()
        except OSError as error:
            log.warning("%s: cannot be written (%s)", path, error)

    def _path(self, facts: EncoderFacts, about: str) -> Path:
        return self._folder / f"{facts.fingerprint[:24]}-{about[:24]}{SUFFIX}"

    def _make_room(self) -> None:
        kept = []
        for path in self._folder.glob(f"*{SUFFIX}"):
            try:
                facts = path.stat()
            except FileNotFoundError:  # another process removed it
                continue
            kept.append((facts.st_mtime_ns, facts.st_size, path))
        size = sum(size for _, size, _ in kept)
        for _, bytes_of_file, path in sorted(kept):
            if size <= MOST_BYTES:
                break
            path.unlink(missing_ok=True)
            size -= bytes_of_file


def _about(facts: EncoderFacts, labels: Sequence[str], templates: Sequence[str]) -> str:
    """Hash of everything that the matrix depends on; hex."""
    said = json.dumps([facts.fingerprint, facts.engine, list(labels), list(templates)])
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def _touch(path: Path) -> None:
    """Note the use of a file; where the folder cannot be written, its age stays."""
    try:
        os.utime(path)
    except OSError:
        log.debug("%s: its use cannot be noted", path)

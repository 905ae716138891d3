"""Keeps embedded banks in the cache folder, one file for each model and list of texts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmembed import files
from mmembed.search.bank.bank import Bank, digest_of

log = logging.getLogger(__name__)

NORM_SLACK = 1e-3
"""Rows of a norm further from 1 are no embeddings."""


def find_bank(cache: Path, fingerprint: str, texts: Sequence[str]) -> Bank | None:
    """The bank of a model, by its fingerprint; None if it was not kept, or the file is damaged."""
    path = _path(cache, fingerprint, texts)
    try:
        content = files.read_sealed(path, about=_about(fingerprint, texts))
        rows = np.frombuffer(content, "<f4").reshape(len(texts), -1)
        norms = np.linalg.norm(rows, axis=1)
        if not (np.abs(norms - 1) < NORM_SLACK).all():
            raise ValueError("its rows are not unit-norm")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("%s: cannot be used (%s); the bank is embedded again", path, error)
        return None
    return Bank(tuple(texts), np.asarray(rows, np.float32))


def keep_bank(cache: Path, fingerprint: str, bank: Bank) -> None:
    """Write a bank into the cache folder. If that fails, the next process embeds it again."""
    path = _path(cache, fingerprint, bank.texts)
    content = bank.embeddings.astype("<f4").tobytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_sealed(path, content, about=_about(fingerprint, bank.texts))
    except OSError as error:
        log.warning("%s: cannot be written (%s); the next start embeds it again", path, error)


def _path(cache: Path, fingerprint: str, texts: Sequence[str]) -> Path:
    return cache / "banks" / f"{fingerprint[:24]}-{digest_of(texts)[:24]}.f32"


def _about(fingerprint: str, texts: Sequence[str]) -> str:
    return f"{fingerprint} {digest_of(texts)}"

"""The bank of generic texts as the collection's model embeds it: made once, beside other work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from mmembed.cancellation import Caller, current_caller, working_for
from mmembed.errors import Abandoned, MmembedError
from mmembed.models.inputs import Embedder
from mmembed.search.bank.bank import Bank, digest_of
from mmembed.search.bank.kept_bank import find_bank, keep_bank
from mmembed.types import Progress

log = logging.getLogger(__name__)

STEP_S = 0.015
"""Seconds of the model for one step in the background: a search may have to wait for it."""
RETRY_S = 60.0
"""Seconds after a failure before the bank is tried again."""
CLOSING_S = 5.0


class ModelBank:
    """The bank of one model. It is read from the cache folder, or embedded in a thread. Any thread
    may call it."""

    def __init__(self, texts: Sequence[str], embedder: Embedder, cache: Path, batch: int) -> None:
        """texts: none where no bank is wanted. batch: texts in one forward pass."""
        self._texts = texts
        self._embedder = embedder
        self._cache = cache
        self._batch = batch
        self._bank: Bank | None = None
        self._caller = Caller(background=True)
        self._thread: threading.Thread | None = None
        self._failed_at = -RETRY_S
        self._lock = threading.Lock()
        self._making = threading.Lock()
        """Held while the bank is embedded, so that no other thread does so too."""

    @cached_property
    def digest(self) -> str:
        """Hash of the bank's texts, also while it is not ready; hex."""
        return digest_of(self._texts)

    @property
    def awaited(self) -> bool:
        """Whether the bank is wanted and not ready."""
        return bool(self._texts) and self._bank is None

    def now(self, fingerprint: str | None = None) -> Bank | None:
        """The bank if it is ready, without waiting for the model. Otherwise it is begun in the
        background. None while it is not ready, and where none is wanted. fingerprint: of the model;
        without it the model must be in memory."""
        if self._bank is None and self._texts:
            with self._lock:
                if self._thread is None and time.monotonic() - self._failed_at > RETRY_S:
                    self._bank = self._kept(fingerprint)
                    if self._bank is None:
                        self._thread = threading.Thread(
                            target=self._in_background, name="mmembed-bank", daemon=True
                        )
                        self._thread.start()
        return self._bank

    def make(self, progress: Progress, fingerprint: str | None = None) -> None:
        """Have the bank ready when this returns; no work if it is kept. fingerprint: of the model,
        where it is known without loading it. Raises the model's errors."""
        if self._bank is None and self._texts:
            with self._making:
                # Another thread may have made it meanwhile, without a place to keep it.
                self._bank = self._bank or self._kept(fingerprint) or self._embedded(progress)

    def close(self) -> None:
        """Give up the work in the background."""
        self._caller.leave()
        if self._thread is not None:
            self._thread.join(CLOSING_S)

    def _kept(self, fingerprint: str | None = None) -> Bank | None:
        known = fingerprint or self._embedder.facts.fingerprint
        return find_bank(self._cache, known, self._texts)

    def _in_background(self) -> None:
        try:
            with working_for(self._caller), self._making:
                self._bank = self._bank or self._embedded(lambda done, total, failed: None)
        except Abandoned:
            pass
        except MmembedError as error:
            log.warning("the bank of texts was not embedded: %s", error)
        except Exception:
            log.exception("the bank of texts was not embedded")
        finally:
            self._failed_at = time.monotonic()
            self._thread = None

    def _embedded(self, progress: Progress) -> Bank:
        texts, rows, started = self._texts, [], time.monotonic()
        progress(0, len(texts), 0)
        step, done = self._first_step(), 0
        while done < len(texts):
            begun = time.monotonic()
            rows.append(self._embedder.model.embed_texts(texts[done : done + step]))
            done = min(done + step, len(texts))
            progress(done, len(texts), 0)
            step = self._next_step(step, time.monotonic() - begun)
        bank = Bank(tuple(texts), np.concatenate(rows))
        keep_bank(self._cache, self._embedder.facts.fingerprint, bank)
        log.info("bank: %d texts in %.1f s", len(texts), time.monotonic() - started)
        return bank

    def _first_step(self) -> int:
        return 1 if current_caller().background else self._batch

    def _next_step(self, step: int, seconds: float) -> int:
        """Texts at once: as many as take the model `STEP_S` in the background."""
        if not current_caller().background:
            return self._batch
        as_fast = int(STEP_S * step / max(seconds, 1e-6))
        return max(1, min(as_fast, 2 * step, self._batch))

"""The calibrations of models, as records of a collection's store."""

from __future__ import annotations

import logging

from mmembed.classify.calibration import RECORD, Calibration, shipped_calibration
from mmembed.models.encoder import ModelFacts
from mmembed.store.protocol import Store

log = logging.getLogger(__name__)


class Calibrations:
    """The calibration of every model in one collection. Any thread may call it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, facts: ModelFacts) -> Calibration:
        """That of a model: the stored one, else the one that the package ships for it."""
        record = self._store.record(RECORD, facts.fingerprint)
        if record is not None:
            try:
                return Calibration.from_bytes(record)
            except ValueError as error:
                log.warning(
                    "the calibration of %s is damaged (%s), and not used; make it again with "
                    "`mmembed eval zero-shot --calibrate`", facts.name, error,
                )  # fmt: skip
        return shipped_calibration(facts.name)

    def keep(self, facts: ModelFacts, calibration: Calibration) -> None:
        """Store the calibration of a model, in place of its earlier one. Raises StoreError."""
        self._store.put_records(RECORD, {facts.fingerprint: calibration.to_bytes()})

"""Workers of an indexing as Ray actors. The work itself is in the database: an actor that is lost
with its node costs the lease of one piece."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from mmembed.cluster.places import Slot, slots_of
from mmembed.cluster.ray_privacy import quiet_start, starts_one
from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.errors import InputError, ModelHangs, StoreError

ENDING_S = 60.0
"""Seconds in which workers complete the pictures that they have begun."""
LONGEST_PAUSE_S = 60.0
"""Seconds at the most before a worker that died is started anew."""
MOST_HANGS = 5
"""Workers in one place whose model may hang, one after the other."""
log = logging.getLogger(__name__)


@dataclass
class _Running:
    actor: Any
    result: Any


class RayWorkers:
    """Keeps a worker in each place of a cluster, for the length of a block; see Helpers."""

    def __init__(
        self,
        settings: Settings,
        address: str | None,
        make: Callable[[Settings], Collection] = Collection,
    ) -> None:
        """address: of the cluster, such as `ray://host:10001` or `auto`; None has Ray find one, or
        start one here. make: opens the collection in a worker."""
        self._settings = settings
        self._address = address
        self._make = make
        self._running: dict[Slot, _Running] = {}
        self._deaths: dict[Slot, int] = {}
        self._hangs: dict[Slot, int] = {}
        self._not_before: dict[Slot, float] = {}
        self._cluster = ExitStack()

    def __enter__(self) -> RayWorkers:
        """Raises InputError if the cluster cannot be reached."""
        with ExitStack() as cluster:
            if starts_one(self._address):
                cluster.enter_context(quiet_start())
            try:
                ray.init(address=self._address, log_to_driver=False, logging_level=logging.WARNING)
            except (RayError, ConnectionError, ValueError, RuntimeError) as error:
                said = f"--address {self._address}: Ray cannot be used: {error}"
                raise InputError(said) from error
            self._cluster = cluster.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._running.values():
            running.actor.end.remote()
        results = [running.result for running in self._running.values()]
        if results:
            ray.wait(results, num_returns=len(results), timeout=ENDING_S)
        ray.shutdown()
        self._cluster.close()

    def tend(self) -> None:
        """Start workers on new nodes and in place of dead ones. Raises the error with which a
        worker gave up, such as ModelMismatch, or ModelHangs after MOST_HANGS."""
        slots = slots_of(ray.nodes())
        for slot, running in list(self._running.items()):
            if slot not in slots or ray.wait([running.result], timeout=0)[0]:
                del self._running[slot]
                self._note_end(slot, running)
        for slot in slots:
            if slot not in self._running and time.monotonic() >= self._not_before.get(slot, 0):
                self._running[slot] = self._started(slot)

    @property
    def workers(self) -> int:
        """How many workers there are, or wait for their processors."""
        return len(self._running)

    def _note_end(self, slot: Slot, running: _Running) -> None:
        try:
            ray.get(running.result, timeout=0)
            self._deaths.pop(slot, None)
            self._hangs.pop(slot, None)
        except RayTaskError as error:
            if isinstance(error.cause, ModelHangs) and self._hangs.get(slot, 0) < MOST_HANGS:
                self._hangs[slot] = self._hangs.get(slot, 0) + 1
                self._note_death(slot, error.cause)
                return
            if not isinstance(error.cause, StoreError):
                raise (error.cause or error) from error
            self._not_before[slot] = time.monotonic() + LONGEST_PAUSE_S
            log.warning("a worker on node %s ended: %s", slot.node[:8], error.cause)
        except RayError as error:  # it died, or its node
            self._note_death(slot, error)

    def _note_death(self, slot: Slot, error: Exception) -> None:
        deaths = self._deaths[slot] = self._deaths.get(slot, 0) + 1
        self._not_before[slot] = time.monotonic() + min(2.0**deaths, LONGEST_PAUSE_S)
        log.warning("a worker on node %s was lost: %s", slot.node[:8], error)

    def _started(self, slot: Slot) -> _Running:
        where = NodeAffinitySchedulingStrategy(slot.node, soft=False)
        actor = _Actor.options(  # type: ignore[attr-defined]
            num_cpus=slot.cpus, num_gpus=slot.gpus, scheduling_strategy=where, max_concurrency=2
        ).remote(replace(self._settings, decode_threads=slot.cpus), self._make)
        return _Running(actor, actor.work.remote())


@ray.remote(max_restarts=0)
class _Actor:
    """A worker in a process of a node."""

    def __init__(self, settings: Settings, make: Callable[[Settings], Collection]) -> None:
        self._settings = settings
        self._make = make
        self._ending = threading.Event()

    def work(self) -> int:
        """Work until all is done; returns how many pictures it took in."""
        with self._make(self._settings) as collection:
            report = collection.work(lambda *_: None, ending=self._ending)
        return report.total

    def end(self) -> None:
        """Have it end in order."""
        self._ending.set()

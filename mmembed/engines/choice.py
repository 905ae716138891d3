"""Chooses the fastest engine of this machine: a short trial of each, compared with the
reference."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mmembed.engines.names import AUTO, INT8, REFERENCE, Engine, Measured
from mmembed.engines.openvino_engine import OpenVinoEngine, compiled, converted, openvino_engines
from mmembed.engines.torch_engine import TorchEngine, torch_engines
from mmembed.engines.towers import Towers
from mmembed.errors import ModelError

log = logging.getLogger(__name__)

TRIED, TRIED_ON_CARDS = 8, 64  # pictures, and texts, in one trial; more keep more units busy
REPEATS = 3
RIVAL = 0.5  # share of the best one's worth; another program can cost the rest


def usable(device: str) -> list[str]:
    """The engines that are available on a device of this machine."""
    return [*(openvino_engines() if device == "cpu" else []), *torch_engines(device)]


def choose(wished: str, towers: Towers, device: str) -> tuple[Engine, list[Measured]]:
    """The named engine, or the fastest one whose vectors are exact enough; and the figures of the
    trial. Raises ModelError if the named engine is not available or cannot be built."""
    names = usable(device)
    build = _Builder(towers, device)
    if wished == INT8:
        raise ModelError(f"engine {INT8}: make it first: mmembed models --quantize FOLDER")
    if wished != AUTO:
        if wished not in names:
            raise ModelError(f"engine {wished}: cannot be had here; there are {', '.join(names)}")
        try:
            return build(wished), []
        except Exception as error:  # compilers raise anything
            raise ModelError(f"engine {wished}: cannot be used here: {_line(error)}") from error
    if names == [REFERENCE]:
        return build(REFERENCE), []
    trial = Trial.of(towers, build(REFERENCE))
    measured = [trial.measure(name, build) for name in names]
    for candidate in measured:
        log.info(
            "%s: %.1f images/s, %.1f ms a text",
            candidate.engine,
            candidate.images_per_second,
            candidate.text_ms,
        )
    return _fastest(trial, measured, build), measured


def _fastest(trial: Trial, measured: list[Measured], build: Callable[[str], Engine]) -> Engine:
    """The best engine. An engine that comes near it is tried again beside it, in turns, and both
    keep the better of their figures. Another program may have run during one of the first
    trials."""
    best, *others = sorted(
        (trial for trial in measured if trial.exact_enough), key=_worth, reverse=True
    )
    engines = {best.engine: build(best.engine)}
    for rival in others[:1]:
        if rival.worth > RIVAL * best.worth:
            try:
                engines[rival.engine] = build(rival.engine)
                again = trial.in_turns(list(engines.values()))
            except Exception as error:  # the two may not fit into memory together
                log.warning("engine %s is not tried again: %s", rival.engine, _line(error))
                break
            measured[:] = [trial.at_best(again.get(trial.engine, 0.0)) for trial in measured]
            best = max((trial for trial in measured if trial.engine in engines), key=_worth)
    return engines[best.engine]


def _worth(trial: Measured) -> float:
    return trial.worth


class _Builder:
    """Builds engines from towers; OpenVINO's graphs are made once for all of its precisions."""

    def __init__(self, towers: Towers, device: str) -> None:
        self._towers, self._device = towers, device
        self._graphs: tuple[object, object] | None = None

    def __call__(self, name: str) -> TorchEngine | OpenVinoEngine:
        if name.startswith("torch"):
            return TorchEngine(name, self._towers, self._device)
        if self._graphs is None:
            self._graphs = converted(self._towers)
        return compiled(name, self._graphs)


@dataclass(frozen=True)
class Trial:
    """Inputs for a trial, and the reference's vectors of them."""

    pixels: NDArray[np.uint8]
    tokens: NDArray[np.int64]
    images: NDArray[np.float32]
    texts: NDArray[np.float32]

    @classmethod
    def of(
        cls, towers: Towers, reference: Engine, pictures: NDArray[np.uint8] | None = None
    ) -> Trial:
        """A sample of pictures, uint8 (n, height, width, 3), and of short texts. Without pictures
        it takes coarse noise, which is more like photographs than fine noise."""
        tried = TRIED if reference.device == "cpu" else TRIED_ON_CARDS
        pixels = _noise(tried, towers.image_size) if pictures is None else pictures
        tokens = np.resize(towers.tokens, (tried, towers.tokens.shape[1]))
        images, texts = reference.encode_images(pixels), reference.encode_texts(tokens)
        return cls(pixels, tokens, images, texts)

    def measure(self, name: str, build: Callable[[str], Engine]) -> Measured:
        """Try one engine. An engine that fails is reported in the log, and never chosen."""
        try:
            engine = build(name)
            images, texts = engine.encode_images(self.pixels), engine.encode_texts(self.tokens)
            seconds = _shortest(lambda: engine.encode_images(self.pixels))
            text = _shortest(lambda: engine.encode_texts(self.tokens[:1]))
        except Exception as error:  # compilers raise anything
            log.warning("engine %s cannot be used: %s", name, _line(error))
            return Measured(name, 0.0, 0.0, -1.0)
        # Not Python's own min, which may pass over NaN.
        cosine = float(np.min([_cosine(images, self.images), _cosine(texts, self.texts)]))
        return Measured(name, len(self.pixels) / seconds, text * 1000, cosine)

    def in_turns(self, engines: Sequence[Engine]) -> dict[str, float]:
        """Images a second of each engine, by name. Other programs slow all of them alike."""
        seconds = {engine.name: math.inf for engine in engines}
        for turn in range(1 + REPEATS):
            for engine in engines:
                spent = _seconds(partial(engine.encode_images, self.pixels))
                if turn:  # the first run of an engine prepares it
                    seconds[engine.name] = min(seconds[engine.name], spent)
        return {name: len(self.pixels) / spent for name, spent in seconds.items()}


def _noise(count: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 (count, height, width, 3)."""
    noise = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    rows, columns = (np.arange(side) * 8 // side for side in size)
    return np.ascontiguousarray(noise[:, rows][:, :, columns])


def _shortest(run: Callable[[], object]) -> float:
    """Seconds of the fastest of some runs: other programs on the machine only add time."""
    return min(_seconds(run) for _ in range(REPEATS))


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _cosine(some: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    products = (some * others).sum(1)
    norms = np.linalg.norm(some, axis=1) * np.linalg.norm(others, axis=1)
    return float((products / norms).min())


def _line(error: Exception) -> str:
    """An error in one line, shortened: compilers quote whole programs."""
    return " ".join(str(error).split())[:240] or type(error).__name__

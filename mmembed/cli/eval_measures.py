"""Measures for `mmembed eval`, as its arguments say."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from mmembed.cli.bar import Bar
from mmembed.cli.eval_report import Measured
from mmembed.cli.open_to_read import check_exists
from mmembed.config.settings import Settings
from mmembed.errors import InputError
from mmembed.eval import (
    Bench,
    Task,
    calibrate,
    compare_retrieval,
    compare_zero_shot,
    measure_index,
    measure_retrieval,
    measure_zero_shot,
    read_captioned,
    read_labelled,
    read_labels,
    read_templates,
)


def _zero_shot(settings: Settings, arguments: argparse.Namespace) -> Measured:
    data = read_labelled(arguments.dataset, arguments.images)
    labels = read_labels(
        data.classes,
        arguments.labels,
        limit=settings.max_labels,
        only_present=arguments.only_present,
    )
    task = Task(data, labels, read_templates(arguments.templates))
    with _bench(settings, arguments) as bench:
        if arguments.calibrate:
            return _calibrated(bench, arguments, task)
        if arguments.compare or arguments.engines:
            return compare_zero_shot(*_two(bench, arguments), task)
        return measure_zero_shot(bench, [bench.choice().name], task)[0]


def _calibrated(bench: Bench, arguments: argparse.Namespace, task: Task) -> Measured:
    if arguments.compare or arguments.engines:
        raise InputError("--calibrate is for one model; leave --compare and --engines out")
    return calibrate(bench, bench.choice().name, task)


def _retrieval(settings: Settings, arguments: argparse.Namespace) -> Measured:
    data = read_captioned(arguments.dataset, arguments.images, arguments.only)
    with _bench(settings, arguments) as bench:
        if arguments.compare or arguments.engines:
            return compare_retrieval(*_two(bench, arguments), data)
        return measure_retrieval(bench, [bench.choice().name], data)[0]


def _index(settings: Settings, arguments: argparse.Namespace) -> Measured:
    check_exists(settings)
    return measure_index(settings, k=arguments.k, queries=arguments.queries)


def _two(bench: Bench, arguments: argparse.Namespace) -> tuple[Bench, tuple[str, str]]:
    """The bench for two models or engines, and their names."""
    option, names, single = "--compare", arguments.compare, arguments.model
    what = "model"
    if arguments.engines:
        option, names, single, what = "--engines", arguments.engines, arguments.engine, "engine"
        bench = bench.of_engines()
    if single:
        raise InputError(f"--{what} {single}: {option} names both {what}s; leave --{what} out")
    first, second = names
    return bench, (first, second)


@contextmanager
def _bench(settings: Settings, arguments: argparse.Namespace) -> Iterator[Bench]:
    bars: dict[str, Bar] = {}

    def update(what: str, done: int, total: int, failed: int) -> None:
        bar = bars.setdefault(what, Bar(what))
        bar.update(done, total, failed)
        if done == total:
            bars.pop(what).close()

    try:
        yield Bench(settings, update, cached=not arguments.no_cache)
    finally:
        for bar in bars.values():
            bar.close()


MEASURES = {"zero_shot": _zero_shot, "retrieval": _retrieval, "index": _index}
"""The measures by their names."""

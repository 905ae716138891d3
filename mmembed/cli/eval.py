"""`mmembed eval`"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from mmembed import files
from mmembed.cli.bar import Bar
from mmembed.cli.open_to_read import check_exists
from mmembed.cli.options import add_collection_options
from mmembed.cli.table import plain, print_json, table
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings
from mmembed.errors import InputError
from mmembed.eval import (
    Bench,
    Comparison,
    EvalReport,
    IndexReport,
    Task,
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
from mmembed.types import Failure

DESCRIPTION = """\
Measure how well a model knows your pictures, and the recall of the index.

  mmembed eval zero-shot pictures/             a folder per class
  mmembed eval retrieval captions.jsonl        pictures and their captions
  mmembed eval index                           HNSW against exact search
  mmembed eval zero-shot pictures/ --compare bundled ViT-B-32/laion2b_s34b_b79k
  mmembed eval zero-shot pictures/ --engines torch-float32 openvino-int8

Each has a --help of its own. Vectors are stored in DIR/eval, except with openvino-int8, so a
second run takes seconds.
"""
ZERO_SHOT = """\
Say which label fits each picture, and count how often that is right.

  mmembed eval zero-shot pictures/
  mmembed eval zero-shot pictures/ --labels words.txt --templates full
  mmembed eval zero-shot labels.csv --images pictures/ --json result.json
  mmembed eval zero-shot pictures/ --compare bundled ViT-B-32/laion2b_s34b_b79k

DATA is a folder with a folder per class, or a manifest (.jsonl, .csv, .tsv, .parquet) with the
columns file_name and label. --labels FILE gives the names of the classes, and may hold more
labels than the data: all compete. It has lines such as `n01443537 goldfish, Carassius auratus`,
or is JSON: {"n01443537": "goldfish"}, {"n01443537": ["goldfish", "gold fish"]}, or a list.
"""
RETRIEVAL = """\
Look for each caption's picture among all, and for a caption of each picture.

  mmembed eval retrieval captions.jsonl
  mmembed eval retrieval captions.csv --images pictures/ --only test.txt
  mmembed eval retrieval pictures/ --compare bundled ViT-B-32/laion2b_s34b_b79k

DATA is a manifest (.jsonl, .csv, .tsv, .parquet) with the columns file_name (or image) and
caption (or captions, a list); a picture may come in several rows. Or a folder of pictures
with captions as `mmembed index` finds them.
"""
INDEX = """\
Compare the HNSW graph of a collection with exact search over the same vectors. Queries are
vectors of the collection, drawn at random; one that is searched for does not count as found.

  mmembed eval index
  mmembed eval index --data ./my-collection -k 20 --queries 1000
"""
SHOWN_SKIPPED = 20

Measured: TypeAlias = EvalReport | Comparison | IndexReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    kinds = parser.add_subparsers(title="what is measured", required=True, metavar="WHAT")
    zero_shot = _kind(kinds, "zero-shot", "classification by labels", ZERO_SHOT)
    _add_data(zero_shot)
    zero_shot.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="names of the classes (default: as their folders)",
    )
    zero_shot.add_argument(
        "--templates", default="short", metavar="short|full|FILE",
        help="prompts with {} for the label: 7, the 80 of CLIP, or a file (default short)",
    )  # fmt: skip
    zero_shot.add_argument(
        "--only-present", action="store_true", help="only labels that the data has compete"
    )
    zero_shot.set_defaults(measure=_zero_shot, settings_of=_settings)
    retrieval = _kind(kinds, "retrieval", "search by captions", RETRIEVAL)
    _add_data(retrieval)
    retrieval.add_argument(
        "--only", type=Path, metavar="FILE", help="names of the images to take, one a line"
    )
    retrieval.set_defaults(measure=_retrieval, settings_of=_settings)
    index = _kind(kinds, "index", "HNSW against exact search", INDEX)
    index.add_argument("-k", type=int, default=10, metavar="N", help="recall at N (default 10)")
    index.add_argument(
        "--queries", type=int, default=200, metavar="N", help="of each kind (default 200)"
    )
    index.set_defaults(measure=_index)


def _kind(kinds: Any, name: str, what: str, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(
        name,
        help=what,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_collection_options(parser, argparse.SUPPRESS)
    parser.add_argument(
        "--json", nargs="?", const="-", metavar="FILE",
        help="print JSON instead of tables; with FILE, write it there as well",
    )  # fmt: skip
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    take = parser.add_argument
    take("dataset", type=Path, metavar="DATA", help="folder or manifest")
    take(
        "--images",
        type=Path,
        metavar="DIR",
        help="folder that a manifest's file names are relative to",
    )
    two = parser.add_mutually_exclusive_group().add_argument
    two(
        "--compare", nargs=2, metavar=("A", "B"), help="two models side by side, instead of --model"
    )
    two("--engines", nargs=2, metavar=("A", "B"), help="two engines of the model side by side")
    take("--batch-size", type=int, metavar="N", help=f"in one pass (default {Settings.batch})")
    take("--no-cache", action="store_true", help="embed everything, and keep nothing")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Measure and print; 1 if some images were skipped."""
    upgraded(settings)
    measured: Measured = arguments.measure(settings, arguments)
    return _tell(measured, arguments)


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"batch": arguments.batch_size}


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
        if arguments.compare or arguments.engines:
            return compare_zero_shot(*_two(bench, arguments), task)
        return measure_zero_shot(bench, [bench.choice().name], task)[0]


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


@contextlib.contextmanager
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


def _tell(measured: Measured, arguments: argparse.Namespace) -> int:
    if arguments.json not in (None, "-"):
        _write(Path(arguments.json), measured.as_json())
    if arguments.json == "-":
        print_json(measured.as_json())
    else:
        _print(measured)
    failures = _failures(measured)
    for failure in failures[:SHOWN_SKIPPED]:
        print(f"skipped: {plain(failure.message)}", file=sys.stderr)
    if len(failures) > SHOWN_SKIPPED:
        rest = len(failures) - SHOWN_SKIPPED
        print(f"… and {rest} more skipped; --json FILE lists them", file=sys.stderr)
    return 1 if failures else 0


def _print(measured: Measured) -> None:
    for heading in _headings(measured):
        print(plain(heading))
    for heads, rows in measured.tables():
        print()
        for line in table(heads, rows):
            print(line)
    notes = measured.notes if not isinstance(measured, Comparison) else measured.first.notes
    for note in notes:
        print(f"note: {plain(note)}", file=sys.stderr)


def _headings(measured: Measured) -> Sequence[str]:
    if isinstance(measured, Comparison):
        first, second = measured.first, measured.second
        return (
            f"A: {first.model}, {first.engine}; {first.origin()}",
            f"B: {second.model}, {second.engine}; {second.origin()}",
            _over(first, len(_failures(measured))),
            *_agreement(measured),
        )
    if isinstance(measured, EvalReport):
        return (f"{measured.model}; {measured.origin()}", _over(measured, len(measured.failures)))
    return (
        f"{measured.folder}: searched exactly up to {measured.exact_limit} vectors, then by HNSW",
    )


def _agreement(comparison: Comparison) -> Sequence[str]:
    if comparison.agreement is None:
        return ()
    mean, lowest = comparison.agreement.mean, comparison.agreement.lowest
    return (f"cosine between A's and B's vectors of an image: {mean:.5f} on average, "
            f"{lowest:.5f} at least",)  # fmt: skip


def _over(report: EvalReport, skipped: int) -> str:
    return f"over {report.over}" + (f"; {skipped} skipped" if skipped else "")


def _failures(measured: Measured) -> list[Failure]:
    if isinstance(measured, IndexReport):
        return []
    if isinstance(measured, Comparison):
        return list(dict.fromkeys((*measured.first.failures, *measured.second.failures)))
    return list(measured.failures)


def _write(path: Path, answer: object) -> None:
    text = json.dumps(answer, ensure_ascii=False, indent=1) + "\n"
    try:
        files.replace(path, text.encode())
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error

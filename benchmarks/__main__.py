"""`python -m benchmarks`: see README.md beside this file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks import (
    end_to_end,
    engines,
    growth,
    over_http,
    overload,
    pictures,
    search,
    search_ways,
    vectors,
    weights,
)
from benchmarks.indexing_ways import DEFAULT_ENGINE, REFERENCE, all_ways
from benchmarks.peers.build import build
from benchmarks.report import Report

CACHE = Path("~/.cache/mmembed-bench")
EXPORTER = "sentence-transformers"  # the peer whose environment can write ONNX
PARTS = ("peers", "ways", "engines", "growth", "search", "http", "overload")
PICTURES = {"640x480": 256, "2MP": 128, "12MP": 64}
BATCHES = (1, 8, 16, 32, 128)
GROWTH = (500, 5_000, 50_000)
CLIENTS = (1, 8, 32, 128)
SERVED = 100_000  # vectors in the collection that is served
COLLECTIONS = (10_000, 100_000, 1_000_000)
QUICK_PICTURES = 4


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    made.add_argument("parts", nargs="*", metavar="PART", default=[],
                      help=f"{', '.join(PARTS)}; all of them by default")  # fmt: skip
    made.add_argument("--quick", action="store_true", help="a few images, once: does it work?")
    made.add_argument("--cache", type=Path, default=CACHE, help="for weights and pictures")
    made.add_argument("--peers", type=Path, help="the peers' environments (default CACHE/peers)")
    made.add_argument("--engines", nargs="+", default=[DEFAULT_ENGINE], metavar="NAME",
                      help="of mmembed; «default» is what it chooses itself")  # fmt: skip
    made.add_argument("--only", nargs="+", metavar="WORD",
                      help="ways with one of these in their name, and the reference")  # fmt: skip
    made.add_argument("--sizes", nargs="+", choices=list(PICTURES), default=list(PICTURES))
    made.add_argument("--photos", type=Path, help="real photographs, as another size")
    made.add_argument("--pictures", type=int, help="in the shorter of the two runs of a way")
    made.add_argument("--repeats", type=int, default=3, help="turns that count")
    made.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    made.add_argument(
        "--seconds", type=float, default=3.0, help="for an engine and batch size, or a load"
    )
    made.add_argument("--growth", type=int, nargs="+", default=list(GROWTH), metavar="IMAGES")
    made.add_argument("--collections", type=int, nargs="+", default=list(COLLECTIONS),
                      metavar="VECTORS", help="of the search part")  # fmt: skip
    made.add_argument("--vectors", type=Path, metavar="FILE.npy",
                      help="rows to search in; the last of them are the queries")  # fmt: skip
    made.add_argument("--queries", type=int, default=400)
    made.add_argument("--clients", type=int, nargs="+", default=list(CLIENTS),
                      help="at once, of the http part")  # fmt: skip
    made.add_argument("--served", type=int, default=SERVED, metavar="VECTORS",
                      help="in the collection of the http part")  # fmt: skip
    made.add_argument("--build-only", action="store_true", help="of the search part")
    return made


def asked() -> argparse.Namespace:
    """The options, with those of --quick filled in."""
    found = parser().parse_args()
    if unknown := set(found.parts) - set(PARTS):
        parser().error(f"{', '.join(sorted(unknown))}: expected {', '.join(PARTS)}")
    found.parts = found.parts or list(PARTS)
    found.cache = found.cache.expanduser().resolve()
    found.peers = (found.peers or found.cache / "peers").expanduser().absolute()
    if found.quick:
        found.sizes, found.repeats, found.pictures = ["640x480"], 1, QUICK_PICTURES
        found.batches, found.seconds, found.growth = [1, 8], 0.2, [20, 200]
        found.collections, found.queries = [1000], 20
        found.clients, found.served = [1, 2], 1000
    return found


def main() -> None:
    """Run the parts in their order."""
    options = asked()
    report = Report(
        "-".join(options.parts), {key: str(value) for key, value in vars(options).items()}
    )
    if "peers" in options.parts and (failed := build(options.peers, [])):
        print(f"not installed: {', '.join(failed)}", file=sys.stderr)
    if "ways" in options.parts:
        run_ways(options, report)
    if "engines" in options.parts:
        found = engines.measure(saved_weights(options), options.engines, options.batches,
                                options.repeats, options.seconds)  # fmt: skip
        report.add("Image tower", engines.shown(found), engines.recorded(found))
    if "growth" in options.parts:
        grown = growth.measure(options.cache, options.growth)
        report.add("Growth", growth.shown(grown), growth.recorded(grown))
    if "search" in options.parts:
        run_search(options, report)
    if "http" in options.parts:
        run_http(options, report)
    if "overload" in options.parts:
        run_overload(options, report)


def saved_weights(options: argparse.Namespace) -> Path:
    """The folder of the weights, in the formats that can be made here."""
    exporter = options.peers / EXPORTER / "bin" / "python"
    return weights.prepare(options.cache / "weights", exporter if exporter.exists() else None)


def run_ways(options: argparse.Namespace, report: Report) -> None:
    """A section for every size of picture."""
    ways = [
        way for way in all_ways(saved_weights(options), options.peers, options.engines)
        if not options.only or way.name == REFERENCE
        or any(word in way.name for word in options.only)
    ]  # fmt: skip
    for size in [*options.sizes, *([] if options.photos is None else ["photos"])]:
        source = options.photos if size == "photos" else None
        count = options.pictures or PICTURES.get(size, PICTURES["2MP"])
        once, twice = (
            pictures.photographs(options.cache, size, n, source) for n in (count, 2 * count)
        )
        megabytes = sum(path.stat().st_size for path in twice.iterdir()) / 2e6 / count
        timings = end_to_end.measure(ways, once, twice, options.repeats, not options.quick)
        title = (
            f"{size}: JPEG files of {megabytes:.2f} MB to vectors, {count} and {2 * count} of them"
        )
        report.add(title, end_to_end.shown(timings), end_to_end.recorded(timings))


def run_search(options: argparse.Namespace, report: Report) -> None:
    """A section for every number of vectors; indices that were built before are not built anew."""
    source = options.vectors and options.vectors.expanduser()
    kind = source.stem if source else "clustered"
    for count in options.collections:
        folder = options.cache / "search" / f"{kind}-{count}"
        vectors.prepare(folder, count, options.queries, source)
        ways = [
            way for way in search_ways.all_ways(options.peers, count)
            if not options.only or way.name == search_ways.REFERENCE
            or any(word in way.name for word in options.only)
        ]  # fmt: skip
        search.build(ways, folder, lambda text: print(text, file=sys.stderr))
        if not options.build_only:
            found = search.ask(ways, folder)
            title = f"Search: {count:,} {kind} vectors, {options.queries} queries"
            report.add(title, search.shown(found), search.recorded(found))


def run_http(options: argparse.Namespace, report: Report) -> None:
    """A section for the two servers."""
    model = f"local-dir:{saved_weights(options) / 'open_clip'}"
    found = over_http.measure(options.cache / "served" / str(options.served), model,
                              options.served, options.clients, options.seconds,
                              options.repeats)  # fmt: skip
    report.add(f"Over HTTP, {options.served:,} vectors", over_http.shown(found),
               over_http.recorded(found))  # fmt: skip


def run_overload(options: argparse.Namespace, report: Report) -> None:
    """A section for our server under ten times of what it can do."""
    model = f"local-dir:{saved_weights(options) / 'open_clip'}"
    folder = options.cache / "served" / str(options.served)
    with over_http.ours(folder, model, options.served) as address:
        seconds = max(options.seconds, overload.LEAST_S)
        found = [overload.measure(address, kind, seconds=seconds) for kind in over_http.KINDS]
    title = f"Overload, {options.served:,} vectors"
    report.add(title, overload.shown(found), overload.recorded(found))


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()

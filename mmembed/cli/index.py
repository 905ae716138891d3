"""`mmembed index`"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from mmembed.cli.bank import embed_bank
from mmembed.cli.bar import Bar
from mmembed.cli.index_on_ray import helpers_of
from mmembed.cli.index_report import SHOWN_FAILURES, emptiness, failures, print_report
from mmembed.cli.needs_database import check_database
from mmembed.cli.options import expanded_place
from mmembed.cli.upgrade import upgraded
from mmembed.cli.watch import add_watch_options, check_watch_options, missing_of, watch
from mmembed.config.settings import Settings
from mmembed.counted import counted
from mmembed.errors import MmembedError
from mmembed.places import Place, place_of

if TYPE_CHECKING:
    from mmembed.collection.collection import Collection, Report
    from mmembed.collection.shared_indexing import Helpers

DESCRIPTION = """\
Walk folders and embed every picture that is new or changed. Stop it whenever you like, and
run it again: it goes on where it was.

Captions are taken from name.txt beside name.jpg, from files called captions or metadata
(.jsonl, .csv, .tsv, .parquet) in the folders, and from --captions FILE. Their columns are
file_name, caption or captions, and tags. Every other column becomes a field to filter by, called
meta.NAME; `mmembed fields` lists them.

Hidden files and folders, bins, thumbnail folders and other system folders are skipped, and
everything that --exclude names. docs/indexing.md has the details.

  mmembed index ~/Pictures
  mmembed index ~/Pictures --exclude private --exclude '*.gif'
  mmembed index photos --captions captions.jsonl --data ./my-collection

PATH may also be a tar, whose pictures and texts need not be unpacked (WebDataset); a .csv, .tsv,
.jsonl or .parquet file that lists paths or addresses; or a folder of an object store:

  mmembed index shards/*.tar
  mmembed index s3://bucket/photos                     pip install 'mmembed[s3]'
  MMEMBED_FETCH_URLS=on mmembed index urls.parquet     a column named url
  MMEMBED_FETCH_URLS=on mmembed index https://host/shard-{000..009}.tar

--watch goes on after that, and says each change on a line: new, changed, moved and deleted files.

  mmembed index ~/Pictures --watch                     pip install 'mmembed[watch]'
  mmembed index /mnt/nas/photos --watch --poll 60
  mmembed index /mnt/old-disk --remove-missing         take out what is gone

In a database, the work is planned as pieces, and `mmembed work` helps with it from any machine:

  mmembed index /photos --store postgresql://ann@db/photos
  mmembed index /photos --store postgresql://ann@db/photos --plan-only   leave it all to others
  mmembed index /photos --store postgresql://ann@db/photos --engine ray  workers on a Ray cluster

Exit codes: 0 done; 1 some files failed, or no picture was found; 2 wrong use; 130 interrupted.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "paths", nargs="+", type=place_of, metavar="PATH",
        help="folder, picture, tar, list of pictures, or s3://bucket/folder",
    )  # fmt: skip
    parser.add_argument(
        "--captions", action="append", default=[], type=place_of, metavar="FILE",
        help="manifest with captions and tags; may be repeated",
    )  # fmt: skip
    _add_choice_of_files(parser)
    add_watch_options(parser)
    parser.add_argument(
        "--thumbnails", action=argparse.BooleanOptionalAction, default=None,
        help="make the page's thumbnails from the same decoding (default: when they are shown)",
    )  # fmt: skip
    parser.set_defaults(settings_of=_settings)
    parser.add_argument(
        "--plan-only", action="store_true",
        help="only plan the work in the database; `mmembed work` does it",
    )  # fmt: skip
    parser.add_argument(
        "--address", metavar="HOST:PORT",
        help="Ray cluster whose nodes do the work, with --engine ray (default: the one that Ray "
        "finds, else one on this machine)",
    )  # fmt: skip
    parser.add_argument(
        "--profile", action="store_true", help="say how busy each stage was, and which is the limit"
    )
    parser.add_argument(
        "--all-failures", action="store_true", help=f"list them all, not the first {SHOWN_FAILURES}"
    )


def _add_choice_of_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--exclude", action="append", metavar="PATTERN",
        help="files and folders to pass over, such as '*.gif', private/ or 'scans/20??'; "
        "may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--include-system", action=argparse.BooleanOptionalAction, default=None,
        help="enter bins, thumbnail folders and other parts of systems, too",
    )  # fmt: skip
    parser.add_argument(
        "--include-removed", action="store_true",
        help="take back what `mmembed remove` took out with --keep-out or --ignore",
    )  # fmt: skip
    parser.add_argument(
        "--rehash", action="store_true", help="read all files, also those that seem unchanged"
    )


def _settings(parsed: argparse.Namespace) -> dict[str, Any]:
    return {
        "thumbnails": parsed.thumbnails,
        "exclude": None if parsed.exclude is None else tuple(parsed.exclude),
        "include_system": parsed.include_system,
    }


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Index; 1 if some files failed or none was found, 130 if it was interrupted."""
    from mmembed.collection.collection import Collection, check_paths  # takes a while

    paths = [expanded_place(path, "PATH") for path in arguments.paths]
    if not arguments.remove_missing:
        check_paths(paths)  # before a folder is made
    if arguments.plan_only:
        check_watch_options(arguments, elsewhere=True)
        return _plan(settings, paths, arguments)
    settings, helpers = helpers_of(settings, arguments.address)
    check_watch_options(arguments, elsewhere=helpers is not None)
    upgraded(settings)
    with Collection(settings) as collection:
        if arguments.watch:
            return watch(
                collection, paths, arguments,
                first=lambda: _index(collection, paths, arguments, None),
            )  # fmt: skip
        report = _index(collection, paths, arguments, helpers)
    if report.interrupted:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    if arguments.remove_missing and report.removed:
        return 1 if report.failures else 0
    for line in emptiness(report):
        print(line, file=sys.stderr)
    return 1 if report.failures or report.kept_because_empty or not report.total else 0


def _index(
    collection: Collection,
    paths: list[Place],
    arguments: argparse.Namespace,
    helpers: Helpers | None,
) -> Report:
    """Index, and print the report. Raises KeyboardInterrupt where watching was to follow."""
    with Bar() as bar:
        report = collection.index(
            paths,
            manifests=arguments.captions,
            progress=bar.update,
            phase=bar.phase,
            rehash=arguments.rehash,
            include_removed=arguments.include_removed,
            helpers=helpers,
            missing=missing_of(arguments),
        )
        bar.close()
        if not report.interrupted:
            make_bank(collection)
        print_report(report, arguments)
        settings = collection.settings
        print(f"model: {collection.why_this_model}; {_where(settings)}", flush=True)
    if report.interrupted and arguments.watch:
        raise KeyboardInterrupt
    return report


def _plan(settings: Settings, paths: list[Place], arguments: argparse.Namespace) -> int:
    from mmembed.collection.collection import Collection

    check_database(settings, "--plan-only")
    with Collection(settings) as collection, Bar() as bar:
        report = collection.plan_work(
            paths,
            manifests=arguments.captions,
            phase=bar.phase,
            rehash=arguments.rehash,
            include_removed=arguments.include_removed,
        )
        bar.close()
    print(f"{counted(report.total, 'picture')} planned, {report.unchanged} unchanged")
    for line in failures(report, None if arguments.all_failures else SHOWN_FAILURES):
        print(line, file=sys.stderr)
    if report.total:
        print("`mmembed work --store …` does the work, on as many machines as you like")
    return 1 if report.failures or report.kept_because_empty else 0


def _where(settings: Settings) -> str:
    return f"store: {settings.place}" if settings.store else f"folder: {settings.data}"


def make_bank(collection: Collection) -> None:
    """Searches work without the bank, and begin to embed it: a failure is only said."""
    try:
        embed_bank(collection)
    except (MmembedError, KeyboardInterrupt) as error:
        why = str(error) or "interrupted"
        print(f"the bank of texts was not embedded: {why}", file=sys.stderr)

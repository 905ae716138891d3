"""`mmembed eval`"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mmembed.cli.options import add_action
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings

DESCRIPTION = """\
Measure how well a model knows your pictures, and the recall of the index.

  mmembed eval zero-shot pictures/             a folder per class
  mmembed eval retrieval captions.jsonl        pictures and their captions
  mmembed eval index                           the index against exact search
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
  mmembed eval zero-shot pictures/ --calibrate     classify's probabilities mean what they say

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
Compare the index of a collection (cells in a folder, an HNSW graph in PostgreSQL) with exact
search over the same vectors. Queries are vectors of the collection, drawn at random; one that
is searched for does not count as found.

  mmembed eval index
  mmembed eval index --data ./my-collection -k 20 --queries 1000
"""


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
        "--templates", default="usual", metavar="usual|short|full|FILE",
        help="prompts with {} for the label: as in `mmembed classify`, 7, the 80 of CLIP, or a "
        "file (default usual)",
    )  # fmt: skip
    zero_shot.add_argument(
        "--calibrate", action="store_true",
        help="fit the model's temperature and prompts, and keep them in the collection",
    )  # fmt: skip
    zero_shot.add_argument(
        "--only-present", action="store_true", help="only labels that the data has compete"
    )
    zero_shot.set_defaults(measured="zero_shot", settings_of=_settings)
    retrieval = _kind(kinds, "retrieval", "search by captions", RETRIEVAL)
    _add_data(retrieval)
    retrieval.add_argument(
        "--only", type=Path, metavar="FILE", help="names of the images to take, one a line"
    )
    retrieval.set_defaults(measured="retrieval", settings_of=_settings)
    index = _kind(kinds, "index", "the index against exact search", INDEX)
    index.add_argument("-k", type=int, default=10, metavar="N", help="recall at N (default 10)")
    index.add_argument(
        "--queries", type=int, default=200, metavar="N", help="of each kind (default 200)"
    )
    index.set_defaults(measured="index")


def _kind(kinds: Any, name: str, what: str, description: str) -> argparse.ArgumentParser:
    parser = add_action(kinds, name, what, description)
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
    from mmembed.cli.eval_measures import MEASURES  # takes a while
    from mmembed.cli.eval_report import tell

    upgraded(settings)
    return tell(MEASURES[arguments.measured](settings, arguments), arguments.json)


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"batch": arguments.batch_size}

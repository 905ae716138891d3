"""Indexes folders of images into the store; resumable at any moment.

    exclusions → scan → (bounded_lines → manifest_rows → manifests, sidecars → image_texts) → plan
               → pipeline (read_ahead → prepare → embed → commit, update_captions)

Pictures may be files, or lie elsewhere (mmembed.sources): in tars, object stores, on the web.
take_listed takes those that a manifest lists. read_ahead reads them, and texts_elsewhere the texts
beside them.

Several processes share an indexing as pieces (store.pieces):

    scan → image_texts → plan_pieces … piece_words → work_piece (pipeline) … settle_gone

embed_batches passes inputs through threads and the model, so that one bad input fails alone.
embed_captions embeds texts, make_thumbnails makes thumbnails, and hash_pictures hashes pictures.
stage_profile names the slowest stage. remove takes pictures out by path.

ingest.watch watches folders. Of a change, scan takes the changed files alone; presence tells which
known files are gone, and gone_files hands these to settle_gone.
"""

from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.exclusions import Passing, patterns_of
from mmembed.ingest.gone_files import as_gone, gone_below, known_below
from mmembed.ingest.hash_pictures import Hashed, hashes_of
from mmembed.ingest.ignored import Ignored, IgnoredContent
from mmembed.ingest.make_thumbnails import keep_thumbnail
from mmembed.ingest.own_folders import OWN_PARTS
from mmembed.ingest.pipeline import Pipeline
from mmembed.ingest.plan import Plan, Rules, make_plan
from mmembed.ingest.plan_pieces import PiecePlanner
from mmembed.ingest.presence import LostFiles
from mmembed.ingest.remove import Removed, Removing, moved_away, those_below
from mmembed.ingest.report import Report
from mmembed.ingest.report_text import report_text, sum_of
from mmembed.ingest.scan import check_paths, done, scan
from mmembed.ingest.scan_result import Scan
from mmembed.ingest.settle_gone import Settling
from mmembed.ingest.stage_profile import StageTime
from mmembed.ingest.work_piece import PieceWork

__all__ = [
    "OWN_PARTS",
    "Hashed",
    "Ignored",
    "IgnoredContent",
    "LostFiles",
    "Passing",
    "PiecePlanner",
    "PieceWork",
    "Pipeline",
    "Plan",
    "Removed",
    "Removing",
    "Report",
    "Rules",
    "SaidLimits",
    "Scan",
    "Settling",
    "StageTime",
    "as_gone",
    "check_paths",
    "done",
    "gone_below",
    "hashes_of",
    "keep_thumbnail",
    "known_below",
    "make_plan",
    "moved_away",
    "patterns_of",
    "report_text",
    "scan",
    "sum_of",
    "those_below",
]

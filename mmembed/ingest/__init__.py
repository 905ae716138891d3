"""Indexes folders of images into the store; resumable at any moment.

    exclusions → scan → (bounded_lines → manifest_rows → manifests, sidecars → image_texts) → plan
               → pipeline (prepare → embed → commit, update_captions)

embed_batches passes inputs through threads and the model, so that one bad input fails alone.
embed_captions embeds texts, and make_thumbnails makes thumbnails. stage_profile names the slowest
stage. remove takes pictures out by path.
"""

from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.exclusions import Passing, patterns_of
from mmembed.ingest.make_thumbnails import keep_thumbnail
from mmembed.ingest.pipeline import Pipeline
from mmembed.ingest.plan import Plan, Rules, make_plan
from mmembed.ingest.remove import Removed, moved_away, remove_below, those_below
from mmembed.ingest.report import Report
from mmembed.ingest.scan import Scan, check_paths, scan
from mmembed.ingest.stage_profile import StageTime

__all__ = [
    "Passing",
    "Pipeline",
    "Plan",
    "Removed",
    "Report",
    "Rules",
    "SaidLimits",
    "Scan",
    "StageTime",
    "check_paths",
    "keep_thumbnail",
    "make_plan",
    "moved_away",
    "patterns_of",
    "remove_below",
    "scan",
    "those_below",
]

"""Folders of images → the catalog; resumable at any moment.

scan → manifests → plan → pipeline (preparing → embedding → commit)

flow carries inputs through threads and model; captions embeds texts; thumbnailing keeps thumbnails;
profile tells which stage is the limit.
"""

from mmembed.ingest.pipeline import Pipeline, Progress
from mmembed.ingest.plan import Plan, make_plan
from mmembed.ingest.profile import StageTime, limit
from mmembed.ingest.report import Report
from mmembed.ingest.scan import Scan, scan
from mmembed.ingest.thumbnailing import keep_thumbnail

__all__ = [
    "Pipeline",
    "Plan",
    "Progress",
    "Report",
    "Scan",
    "StageTime",
    "keep_thumbnail",
    "limit",
    "make_plan",
    "scan",
]

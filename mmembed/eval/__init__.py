"""Measures models and indexes: figures with definitions, for any model, on any pictures.

    datasets, labels → bench (embed_images | embed_texts, through stored_embeddings)
                     → zero_shot_accuracy | retrieval → report → comparison
                     → calibrate → the collection
    collection → index_recall → report

metrics: the figures; bootstrap: their intervals.
"""

from mmembed.eval.bench import Bench
from mmembed.eval.bootstrap import Difference, Figure
from mmembed.eval.calibrate import CalibrationReport, calibrate
from mmembed.eval.comparison import Comparison
from mmembed.eval.datasets import (
    CaptionedImages,
    LabelledImages,
    read_captioned,
    read_labelled,
)
from mmembed.eval.index_recall import IndexReport, measure_index
from mmembed.eval.labels import Labels, Templates, read_labels, read_templates
from mmembed.eval.report import EvalReport
from mmembed.eval.retrieval import compare_retrieval, measure_retrieval
from mmembed.eval.zero_shot_accuracy import Task, compare_zero_shot, measure_zero_shot

__all__ = [
    "Bench",
    "CalibrationReport",
    "CaptionedImages",
    "Comparison",
    "Difference",
    "EvalReport",
    "Figure",
    "IndexReport",
    "LabelledImages",
    "Labels",
    "Task",
    "Templates",
    "calibrate",
    "compare_retrieval",
    "compare_zero_shot",
    "measure_index",
    "measure_retrieval",
    "measure_zero_shot",
    "read_captioned",
    "read_labelled",
    "read_labels",
    "read_templates",
]

"""Lets a torchvision built for another torch be imported: its operators need only be declared."""

from __future__ import annotations

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def declare() -> torch.library.Library:
    """Declare the operators; keep the result alive as long as torchvision is in use."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    return library


OPERATORS = declare()

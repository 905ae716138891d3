"""Illustrated scenes: a seeded description, the picture it gives and captions for it."""

from .captions import Caption, captions_of, facts_of
from .picture import draw_scene, pixels
from .scene import Scene, sample_scene

__all__ = ["Caption", "Scene", "captions_of", "draw_scene", "facts_of", "pixels", "sample_scene"]

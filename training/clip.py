"""open_clip, imported the way mmembed does it, so that any torchvision will do."""

from __future__ import annotations

from mmembed.models.open_clip.import_open_clip import import_open_clip

open_clip = import_open_clip()
CLIP = open_clip.CLIP
SimpleTokenizer = open_clip.SimpleTokenizer

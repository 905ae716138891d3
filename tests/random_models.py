"""Randomly initialised models in open_clip's format, and what tests feed them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from mmembed.models.open_clip.import_open_clip import import_open_clip

OPEN_CLIP = import_open_clip()

OPENAI = {"mean": OPEN_CLIP.OPENAI_DATASET_MEAN, "std": OPEN_CLIP.OPENAI_DATASET_STD}
SMALL: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 48, "heads": 2, "layers": 2},
}
SIGLIP: dict[str, Any] = {  # a small one with all that sets SigLIP apart
    "embed_dim": 192,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 224,
        "timm_model_name": "vit_tiny_patch16_224",
        "timm_model_pretrained": False,
        "timm_pool": "map",
        "timm_proj": "none",
    },
    "text_cfg": {
        "context_length": 24,
        "vocab_size": 49408,
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "width": 64,
        "heads": 2,
        "layers": 2,
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
        "norm_kwargs": {"eps": 1e-6},
    },
}
SIGLIP_PIXELS = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}


def save_random(
    folder: Path, model_config: dict[str, Any], pixels: dict[str, Any], seed: int = 0
) -> str:
    """A randomly initialised model in open_clip's format; its id."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": model_config, "preprocess_cfg": pixels}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(seed)
    own = json.loads(json.dumps(model_config))
    kind = OPEN_CLIP.CustomTextCLIP if own.pop("custom_text", False) else OPEN_CLIP.CLIP
    with torch.no_grad():
        model = kind(**own)
        for name, tensor in model.named_parameters():  # nothing may be 0 or 1 by default
            if "logit" not in name and "transformer" not in name:
                tensor.add_(torch.randn_like(tensor) * 0.02)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return f"local-dir:{folder}"


def picture(seed: int = 0, size: tuple[int, int] = (90, 71)) -> Image.Image:
    """A picture with structure at several scales."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (5, 7, 3), np.uint8))
    fine = Image.fromarray(generator.integers(0, 256, (size[1], size[0], 3), np.uint8))
    return Image.blend(coarse.resize(size, Image.Resampling.BICUBIC), fine, 0.2)


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    a64, b64 = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(a64, axis=1) * np.linalg.norm(b64, axis=1)
    result: NDArray[np.float64] = (a64 * b64).sum(axis=1) / lengths
    return result

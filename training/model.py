"""The bundled model: its shape, and writing it in open_clip's own format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from .clip import CLIP
from .tokens import CONTEXT, MERGES_FILE, VOCABULARY

IMAGE_SIZE = 128
EMBEDDING = 256
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

MODEL_CONFIG: dict[str, Any] = {
    "embed_dim": EMBEDDING,
    "vision_cfg": {
        "timm_model_name": "regnetx_002", "timm_model_pretrained": False, "timm_pool": "avg",
        "timm_proj": "mlp", "image_size": IMAGE_SIZE,
    },
    "text_cfg": {
        "context_length": CONTEXT, "vocab_size": VOCABULARY, "width": 192, "heads": 3, "layers": 4,
        "tokenizer_kwargs": {"bpe_path": MERGES_FILE},
    },
}  # fmt: skip
PREPROCESS = {"size": IMAGE_SIZE, "mean": list(MEAN), "std": list(STD),
              "interpolation": "bicubic", "resize_mode": "squash"}  # fmt: skip


def new_model(seed: int) -> CLIP:
    """The model with random weights; the same seed gives the same weights."""
    torch.manual_seed(seed)
    return CLIP(
        MODEL_CONFIG["embed_dim"], dict(MODEL_CONFIG["vision_cfg"]), dict(MODEL_CONFIG["text_cfg"])
    )


def write_bundle(model: CLIP, folder: Path) -> None:
    """Write configuration and float16 weights as open_clip reads them from a `local-dir:`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": MODEL_CONFIG, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = {
        name: tensor.detach().half().contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }
    target = folder / "open_clip_model.safetensors"
    save_file(weights, target)
    target.chmod(0o644)  # safetensors makes it readable for its owner only

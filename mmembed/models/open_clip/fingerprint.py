"""The fingerprint of a model: a digest over everything that affects its vectors.

The weights are hashed as tensors after loading, not as files. So the same weights from a hub, a tag
or a folder agree in any container. The tokenizer is hashed by its ids for a few texts, and by its
vocabulary if it has a public one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_VERSION = 1  # raise it when our own preprocessing or embedding changes
_VISION_KEYS = ("pool_type", "head_width", "timm_model_name", "timm_pool", "act_kwargs")
_TEXT_KEYS = ("pool_type", "heads", "no_causal_mask", "embed_cls", "eos_id", "hf_pooler_type")
_PROBES = (
    "",
    "A photo of a cat.",
    "two   Dogs_running & playing!",
    "it's 3:45pm at the naïve café",
    "日本語のテキスト 한국어 русский",
    "😀 👍🏽",
    "&lt;b&gt; [brackets] {braces}",
    "word " * 100,
)


def model_fingerprint(
    state: Mapping[str, torch.Tensor],
    preprocessing: Mapping[str, Any],
    config: Mapping[str, Any],
    tokenizer: Any,
    context_length: int,
) -> str:
    """SHA-256, hex, over weights, preprocessing, pooling and tokenizer.

    `state` is the model's state_dict, `config` its model_cfg with defaults filled in.
    Equal for equal files on any machine, device and torch version.
    """
    description = {
        "version": _VERSION,
        "preprocessing": preprocessing,
        "towers": config,
        "tokens": tokenizer(list(_PROBES), context_length=context_length).tolist(),
        "vocabulary": _vocabulary(tokenizer),
    }
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        if tensor.is_floating_point():  # integer buffers are bookkeeping that comes and goes
            digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
            digest.update(tensor.reshape(-1).numpy().data)
    return digest.hexdigest()


def tower_config(open_clip: Any, config: Mapping[str, Any], quick_gelu: bool) -> dict[str, Any]:
    """The fields of a model_cfg that change the vectors without changing the weights' shapes."""
    vision = dataclasses.asdict(open_clip.CLIPVisionCfg(**config["vision_cfg"]))
    text = dataclasses.asdict(open_clip.CLIPTextCfg(**config["text_cfg"]))
    return {
        "quick_gelu": quick_gelu or bool(config.get("quick_gelu")),
        "vision": {key: vision.get(key) for key in _VISION_KEYS},
        "text": {key: text.get(key) for key in _TEXT_KEYS},
    }


def _vocabulary(tokenizer: Any) -> str | None:
    """Digest of open_clip's own tokenizer's `encoder`, or of a transformers vocabulary."""
    wrapped = getattr(tokenizer, "tokenizer", None)
    table = getattr(tokenizer, "encoder", None) or (wrapped and wrapped.get_vocab())
    if not table:
        return None
    return hashlib.sha256(json.dumps(sorted(table.items())).encode()).hexdigest()

"""Pictures and texts through the towers, as fast as training needs it."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from .clip import CLIP

_GROUPS = 4


def encode_texts(model: CLIP, tokens: Tensor) -> Tensor:
    """Tokens int64 (n, CONTEXT) to float32 (n, dim), unit-norm; short and long ones apart."""
    order = (tokens != 0).sum(1).argsort()
    encoded = torch.cat([_encode_cut(model, tokens[part]) for part in order.chunk(_GROUPS)])
    return encoded[order.argsort()]


def _encode_cut(model: CLIP, tokens: Tensor) -> Tensor:
    """Padding beyond the longest caption is cut: attention is causal, so nothing changes."""
    longest = int((tokens != 0).sum(1).max())
    tokens = tokens[:, :longest]
    # The fused attention is made for long texts; its gradient is slow on short ones.
    with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
        hidden = model.token_embedding(tokens) + model.positional_embedding[:longest]
        hidden = model.transformer(hidden, attn_mask=model.attn_mask[:longest, :longest])
    ends = model.ln_final(hidden[torch.arange(len(tokens)), tokens.argmax(1)].float())
    return functional.normalize(ends @ model.text_projection, dim=-1)


def encode_images(model: CLIP, pictures: Tensor) -> Tensor:
    """Pixels float32 (n, 3, side, side), normalised, to float32 (n, dim), unit-norm."""
    with torch.autocast("cpu", torch.bfloat16):
        features = model.visual(pictures.contiguous(memory_format=torch.channels_last))
    return functional.normalize(features.float(), dim=-1)

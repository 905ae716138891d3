"""Runs a transformer's last block for the single position whose output is read.

Every block but the last needs all positions. In the last block, the other positions matter as keys
and values alone. So 10 of 12 parts of its matrix products are done for one position instead of all.
That saves some 7 % of a tower of 12 blocks. The result is the same but for the last bits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class ReadAtOne(nn.Module):
    """An open_clip transformer (n, length, width) → (n, width): its output at one position."""

    def __init__(self, transformer: Any) -> None:
        """`transformer`: it must satisfy `can_read`; its weights are shared."""
        super().__init__()
        self.first = transformer.resblocks[:-1]
        self.last = transformer.resblocks[-1]

    def forward(self, x: Tensor, at: Tensor, mask: Tensor | None = None) -> Tensor:
        """`at`: int64 (n,), the positions. mask: (length, length), added to the attention."""
        for block in self.first:
            x = block(x, attn_mask=mask)
        return self._read(x, at, mask)

    def _read(self, x: Tensor, at: Tensor, mask: Tensor | None) -> Tensor:
        block, rows = self.last, torch.arange(x.shape[0], device=x.device)
        normal = block.ln_1(x)
        allowed = None if mask is None else mask[at].to(x.dtype)[:, None, None]
        attended = _attention(block.attn, normal[rows, at], normal, allowed)
        output = x[rows, at] + block.ls_1(attended)
        said: Tensor = output + block.ls_2(block.mlp(block.ln_2(output)))
        return said


def _attention(attn: Any, row: Tensor, every: Tensor, allowed: Tensor | None) -> Tensor:
    """(n, width) asks (n, length, width) → (n, width)."""
    n, width = row.shape
    weight, bias = attn.in_proj_weight, attn.in_proj_bias
    query = functional.linear(row, weight[:width], bias[:width])
    both = functional.linear(every, weight[width:], bias[width:])
    both = both.view(n, -1, 2, attn.num_heads, attn.head_dim).permute(2, 0, 3, 1, 4)
    query = query.view(n, attn.num_heads, 1, attn.head_dim) * attn.head_dim**-0.5
    scores = query @ both[0].transpose(-1, -2)
    shares = (scores if allowed is None else scores + allowed).softmax(dim=-1)
    output: Tensor = attn.out_proj((shares @ both[1]).reshape(n, width))
    return output


def can_read(open_clip: Any, transformer: Any) -> bool:
    """Whether a transformer has exactly the structure that `ReadAtOne` expects."""
    if type(transformer) is not open_clip.transformer.Transformer or not transformer.batch_first:
        return False
    last = transformer.resblocks[-1]
    if type(last) is not open_clip.transformer.ResidualAttentionBlock or hasattr(last, "ln_1_kv"):
        return False
    attn = last.attn
    plain = attn.in_proj_weight is not None and attn.in_proj_bias is not None
    return plain and attn.bias_k is None and not attn.add_zero_attn

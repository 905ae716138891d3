"""Wraps a model's two towers as torch modules that take plain arrays of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmembed.engines.last_block import ReadAtOne, can_read


class ImageTower(nn.Module):
    """uint8 (n, height, width, 3) → float32 (n, dim). Normalises the pixels for the model, in
    float32, and runs `encode_image` in the precision of the weights."""

    def __init__(
        self, open_clip: Any, model: Any, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        self.encode = ClassTokenTower.of(open_clip, model) or model.encode_image
        self.model = model
        self.mean = torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1)
        self.std = torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1)
        self.precision = torch.float32

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class; not normalised to unit length."""
        images = pixels.permute(0, 3, 1, 2).to(torch.float32) / 255
        images = ((images - self.mean) / self.std).to(self.precision)
        rows: Tensor = self.encode(images)
        return rows.to(torch.float32)


class ClassTokenTower(nn.Module):
    """A vision transformer whose embedding is read at the class token alone."""

    def __init__(self, visual: Any) -> None:
        super().__init__()
        self.visual = visual
        self.transformer = ReadAtOne(visual.transformer)

    @classmethod
    def of(cls, open_clip: Any, model: Any) -> ClassTokenTower | None:
        """For an open_clip model, or None if its image tower has another structure."""
        if type(model) not in (open_clip.CLIP, open_clip.CustomTextCLIP):
            return None
        visual = model.visual
        if type(visual) is not open_clip.transformer.VisionTransformer or visual.output_tokens:
            return None
        if visual.attn_pool is not None or visual.pool_type != "tok":
            return None
        return cls(visual) if can_read(open_clip, visual.transformer) else None

    def forward(self, images: Tensor) -> Tensor:
        """float (n, 3, height, width), normalised → (n, dim)."""
        x = self.visual._embeds(images)
        class_token = torch.zeros(x.shape[0], dtype=torch.int64, device=x.device)
        pooled = self.visual.ln_post(self.transformer(x, class_token))
        rows: Tensor = pooled if self.visual.proj is None else pooled @ self.visual.proj
        return rows


class WholeTextTower(nn.Module):
    """int64 (n, context_length) → float32 (n, dim), as the model itself reads texts."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """See the class; not normalised to unit length."""
        return self.model.encode_text(tokens).to(torch.float32)  # type: ignore[operator,no-any-return]


class ShortTextTower(nn.Module):
    """int64 (n, length) → float32 (n, dim): reads only as many positions as it is given.

    This is exact: under a causal mask no position sees a later one, and the embedding is read at
    the end-of-text token. Towers without a causal mask, such as SigLIP's, or with other pooling
    must not be cut: `of` gives None for them.
    """

    def __init__(self, tower: Any, eos_id: int | None) -> None:
        """`eos_id`: the end-of-text token; None if it is the largest id."""
        super().__init__()
        self.tower = tower
        self.transformer = ReadAtOne(tower.transformer)
        self.eos_id = eos_id

    @classmethod
    def of(cls, open_clip: Any, model: Any) -> ShortTextTower | None:
        """For an open_clip model, or None if cutting would change its vectors."""
        if type(model) is open_clip.CLIP:
            tower, pool_type = model, model.text_pool_type
            eos_id = getattr(model, "text_eos_id", None)
        elif type(model) is open_clip.CustomTextCLIP and _is_plain(open_clip, model.text):
            tower, pool_type, eos_id = model.text, model.text.pool_type, model.text.eos_id
        else:
            return None
        if not _is_causal(getattr(tower, "attn_mask", None)) or pool_type not in ("argmax", "eos"):
            return None
        if not can_read(open_clip, tower.transformer):
            return None
        return cls(tower, (eos_id or 0) if pool_type == "eos" else None)

    def forward(self, tokens: Tensor) -> Tensor:
        """See the class; not normalised to unit length."""
        tower, length = self.tower, tokens.shape[1]
        x = tower.token_embedding(tokens) + tower.positional_embedding[:length]
        x = self.transformer(x, self._ends(tokens), tower.attn_mask[:length, :length])
        pooled = tower.ln_final(x)
        projection = tower.text_projection
        if projection is None:
            return pooled.to(torch.float32)  # type: ignore[no-any-return]
        projected = projection(pooled) if callable(projection) else pooled @ projection
        return projected.to(torch.float32)  # type: ignore[no-any-return]

    def _ends(self, tokens: Tensor) -> Tensor:
        """int64 (n,): the position at which each text's embedding is read."""
        if self.eos_id is None:
            return tokens.argmax(dim=-1)
        return tokens.eq(self.eos_id).int().argmax(dim=-1)


@dataclass(frozen=True)
class Towers:
    """The towers that an engine is built from: float32, on the CPU, in evaluation mode."""

    images: ImageTower
    texts: WholeTextTower | ShortTextTower
    image_size: tuple[int, int]
    """Height and width of the pixels that the image tower takes."""
    tokens: NDArray[np.int64]
    """int64 (n, length): short texts to try the text tower with, cut if that is allowed."""

    @property
    def cut(self) -> bool:
        """Whether texts may be cut behind the longest of a batch."""
        return isinstance(self.texts, ShortTextTower)


def _is_plain(open_clip: Any, text: Any) -> bool:
    plain = type(text) is open_clip.transformer.TextTransformer
    return plain and text.cls_emb is None and not getattr(text, "use_pad_mask", False)


def _is_causal(mask: Tensor | None) -> bool:
    if mask is None or mask.ndim != 2:
        return False
    return torch.equal(mask, torch.full_like(mask, float("-inf")).triu(1))

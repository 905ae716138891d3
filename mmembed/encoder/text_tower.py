"""The text tower without its padding: the same vectors for a fraction of the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class ShortTextTower:
    """Reads only as many positions as the longest text of a batch has.

    Exact, because under a causal mask no position sees a later one, and the embedding is
    read at the end-of-text token. Towers that see everything, such as SigLIP's, or that pool
    elsewhere, must not be cut: `of` gives None for them.
    """

    def __init__(self, tower: Any, pool_type: str, eos_id: int | None) -> None:
        self.tower = tower
        self.pool_type = pool_type
        self.eos_id = eos_id

    @classmethod
    def of(cls, open_clip: Any, model: Any) -> ShortTextTower | None:
        """For an open_clip model, or None where cutting would change its vectors."""
        if type(model) is open_clip.CLIP:
            tower, pool_type = model, model.text_pool_type
            eos_id = getattr(model, "text_eos_id", None)
        elif type(model) is open_clip.CustomTextCLIP and _is_plain(open_clip, model.text):
            tower, pool_type, eos_id = model.text, model.text.pool_type, model.text.eos_id
        else:
            return None
        causal = _is_causal(getattr(tower, "attn_mask", None))
        return cls(tower, pool_type, eos_id) if causal and pool_type in ("argmax", "eos") else None

    def encode(self, tokens: torch.Tensor) -> torch.Tensor:
        """int64 (n, context_length) → float32 (n, dim), not normalised."""
        import torch

        tower = self.tower
        ends = self._ends(tokens)
        length = int(ends.max()) + 1
        x = tower.token_embedding(tokens[:, :length]) + tower.positional_embedding[:length]
        x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
        pooled = tower.ln_final(x)[torch.arange(len(tokens), device=tokens.device), ends]
        projection = tower.text_projection
        if projection is None:
            return pooled  # type: ignore[no-any-return]
        projected = projection(pooled) if callable(projection) else pooled @ projection
        return projected  # type: ignore[no-any-return]

    def _ends(self, tokens: torch.Tensor) -> torch.Tensor:
        """int64 (n,): the position at which each text's embedding is read."""
        if self.pool_type == "argmax":  # end-of-text is the largest id
            return tokens.argmax(dim=-1)
        return tokens.eq(self.eos_id or 0).int().argmax(dim=-1)


def _is_plain(open_clip: Any, text: Any) -> bool:
    plain = type(text) is open_clip.transformer.TextTransformer
    return plain and text.cls_emb is None and not getattr(text, "use_pad_mask", False)


def _is_causal(mask: torch.Tensor | None) -> bool:
    import torch

    if mask is None or mask.ndim != 2:
        return False
    return torch.equal(mask, torch.full_like(mask, float("-inf")).triu(1))

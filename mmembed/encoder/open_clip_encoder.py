"""An open_clip model behind the Encoder protocol."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmembed.encoder.loading import LoadedModel, load_model
from mmembed.encoder.model_names import resolve_model
from mmembed.encoder.windows import Tokenizer
from mmembed.errors import ModelError
from mmembed.types import Embeddings

if TYPE_CHECKING:
    import torch
    from PIL import Image

_FORWARD = 32  # images or text windows in one forward pass; more only costs memory


class OpenClipEncoder:
    """Implements `mmembed.types.Encoder`; made by `load_encoder`.

    Embeddings equal open_clip's own encode_image and encode_text, normalised. Torch runs on
    the thread that calls, one call at a time; it is fastest on the thread that loaded it.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._lock = threading.Lock()
        model = loaded.model
        self.name = loaded.name
        self.fingerprint = loaded.fingerprint
        self.dim = loaded.dim
        self.context_length = loaded.windows.context_length
        self.logit_scale = float(model.logit_scale.exp())
        bias = getattr(model, "logit_bias", None)
        self.logit_bias = None if bias is None else float(bias)

    @property
    def device(self) -> str:
        """Where the model runs: cpu, cuda, mps."""
        return self._loaded.device

    def preprocess(self, image: Image.Image) -> NDArray[np.float32]:
        """The model's own preprocessing of an upright RGB image: float32 (3, height, width)."""
        return self._loaded.preprocessing(image)

    def embed_preprocessed(self, pixels: NDArray[np.float32]) -> Embeddings:
        """float32 (n, 3, height, width) → float32 (n, dim), unit-norm. Raises ModelError
        where the model gives something that is not a number."""
        import torch

        return self._embed(torch.from_numpy(np.ascontiguousarray(pixels)), self._encode_images)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """n texts → float32 (n, dim), unit-norm. The windows of a long text are embedded
        each, averaged and normalised again. Raises ModelError as `embed_preprocessed`."""
        split = [self._loaded.windows.split(text) for text in texts]
        flat = [window for windows in split for window in windows]
        rows = self._embed_windows(flat)
        if len(flat) == len(texts):
            return rows
        starts = np.cumsum([0, *(len(windows) for windows in split[:-1])])
        return _unit(np.add.reduceat(rows, starts, axis=0), self.name)

    def blank_pixels(self) -> NDArray[np.float32]:
        """float32 (1, 3, height, width) of zeros: what the image tower takes."""
        return np.zeros((1, 3, *self._loaded.image_size), np.float32)

    def count_windows(self, text: str) -> int:
        """How many windows `embed_texts` averages for this text; 1 for an ordinary one."""
        return len(self._loaded.windows.split(text))

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, start and end tokens included; padding is not counted."""
        windows = self._loaded.windows
        tokens = windows.tokens(["", *windows.split(text)])
        return int((tokens[1:] != tokens[0, -1]).sum())

    def _embed_windows(self, windows: list[str]) -> Embeddings:
        if not windows:
            return np.zeros((0, self.dim), np.float32)
        tokens = self._loaded.windows.tokens(windows)
        return self._embed(tokens, self._encode_tokens)

    def _encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        return self._loaded.model.encode_image(pixels)  # type: ignore[no-any-return]

    def _encode_tokens(self, tokens: torch.Tensor) -> torch.Tensor:
        if self._loaded.text_tower is not None:
            return self._loaded.text_tower.encode(tokens)
        return self._loaded.model.encode_text(tokens)  # type: ignore[no-any-return]

    def _embed(
        self, batch: torch.Tensor, encode: Callable[[torch.Tensor], torch.Tensor]
    ) -> Embeddings:
        import torch

        parts = [batch[i : i + _FORWARD] for i in range(0, len(batch), _FORWARD)]
        with self._lock, torch.inference_mode():
            rows = [encode(part.to(self.device)).float().cpu().numpy() for part in parts]
        none = np.zeros((0, self.dim), np.float32)
        return _unit(np.concatenate([none, *rows]), self.name)


def load_encoder(
    name: str, *, device: str | None = None, tokenizer: Tokenizer | None = None
) -> OpenClipEncoder:
    """Load a model by its id: `architecture/pretrained`, `hf-hub:org/name`, `local-dir:/path`,
    `bundled` or `auto`. Runs it once, so that the first request does not wait for that.

    device: as torch names it; by default the fastest one present. tokenizer: replaces the
    model's own; texts → int64 (n, context_length), with a keyword `context_length`.
    Raises ModelError, with the remedy, for what is unknown, missing, unreachable or broken.
    """
    encoder = OpenClipEncoder(load_model(resolve_model(name).name, device, tokenizer))
    encoder.embed_texts(["a photo"])
    encoder.embed_preprocessed(encoder.blank_pixels())
    return encoder


def _unit(features: NDArray[np.float32], name: str) -> Embeddings:
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and norms.all()):
        raise ModelError(f"{name}: the model gave a vector without a direction (not finite, or 0)")
    unit: Embeddings = features / norms
    return unit

"""Loads a model by its id into memory; every failure is a ModelError."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import ModelError
from mmembed.models.open_clip import hub
from mmembed.models.open_clip.bpe import BpeTables
from mmembed.models.open_clip.facts import OpenClipFacts
from mmembed.models.open_clip.fingerprint import model_fingerprint, tower_config
from mmembed.models.open_clip.import_open_clip import import_open_clip
from mmembed.models.open_clip.model_names import CONFIG_FILE, ModelFiles, locate
from mmembed.models.open_clip.text_windows import Tokenizer

if TYPE_CHECKING:
    from mmembed.engines.towers import Towers

_T = TypeVar("_T")
_CONTEXT_LENGTH = 77  # open_clip's default, in tokens
_NEEDS_TRANSFORMERS = "needs the transformers package: pip install 'mmembed[hf]'"


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, with its preprocessing and tokenizer."""

    facts: OpenClipFacts
    towers: Towers
    tokenizer: Tokenizer
    tables: BpeTables | None
    """The tables of a tokenizer without open_clip; None if there are none for it."""
    sources: tuple[Path, ...]
    """The files that it was loaded from."""


def load_model(name: str, tokenizer: Any = None) -> LoadedModel:
    """The model behind an id other than `auto`; see `load_encoder`. Raises ModelError."""
    open_clip = import_open_clip()
    files = locate(name)
    if files.folder is not None:
        return _load(open_clip, name, files, tokenizer)
    return hub.from_cache_first(lambda: _load(open_clip, name, files, tokenizer))


def _load(open_clip: Any, name: str, files: ModelFiles, tokenizer: Any) -> LoadedModel:
    from mmembed.engines.towers import ImageTower, ShortTextTower, Towers, WholeTextTower

    if files.folder is None:
        hub.check_obtainable(name)
    config = _read_config(open_clip, name, files)
    own = tokenizer or _load_tokenizer(open_clip, name, files, config)
    sources = _fetch_weights(open_clip, name, files)
    model = _load_weights(open_clip, name, files).eval().requires_grad_(False)
    short = ShortTextTower.of(open_clip, model)
    facts = _facts(open_clip, name, files, config, model, own, short)
    reader = _arrays_of(own)
    images = ImageTower(open_clip, model, facts.pixels["mean"], facts.pixels["std"])
    tokens = reader(["a photo", "a photo of a dog"], facts.context_length)
    if short is not None:
        tokens = tokens[:, : facts.ends(tokens).max() + 1]
    height, width = facts.pixels["size"]
    return LoadedModel(
        facts=facts,
        towers=Towers(images, short or WholeTextTower(model), (height, width), tokens),
        tokenizer=reader,
        tables=None if tokenizer else BpeTables.of(open_clip, own),
        sources=sources,
    )


def _facts(
    open_clip: Any,
    name: str,
    files: ModelFiles,
    config: Any,
    model: Any,
    tokenizer: Any,
    short: Any,
) -> OpenClipFacts:
    context_length = getattr(tokenizer, "context_length", None) or _context_length(config)
    pixels = dict(model.visual.preprocess_cfg)
    pixels["size"] = _height_width(pixels["size"])
    towers = tower_config(open_clip, config, files.quick_gelu)
    bias = getattr(model, "logit_bias", None)
    return OpenClipFacts(
        name=name,
        fingerprint=model_fingerprint(
            model.state_dict(), pixels, towers, tokenizer, context_length
        ),
        dim=int(config["embed_dim"]),
        context_length=context_length,
        logit_scale=float(model.logit_scale.exp()),
        logit_bias=None if bias is None else float(bias),
        pixels=pixels,
        cut=short is not None,
        eos_id=short and short.eos_id,
    )


def _arrays_of(tokenizer: Any) -> Tokenizer:
    """open_clip's tokenizers give torch tensors, and take lists alone."""

    def read(texts: Sequence[str], context_length: int) -> NDArray[np.int64]:
        tokens = tokenizer(list(texts), context_length=context_length)
        return np.asarray(tokens, dtype=np.int64)

    return read


def _read_config(open_clip: Any, name: str, files: ModelFiles) -> dict[str, Any]:
    """The model_cfg: embed_dim, vision_cfg, text_cfg and more."""
    if files.folder is not None:
        path = files.folder / CONFIG_FILE
    elif files.architecture.startswith(hub.PREFIX):
        repository = files.architecture.removeprefix(hub.PREFIX)
        path = Path(_fetch(name, lambda: _download(open_clip, repository, CONFIG_FILE)))
    else:
        return dict(open_clip.get_model_config(files.architecture))
    try:
        config: dict[str, Any] = json.loads(path.read_text("utf-8"))["model_cfg"]
        return {"embed_dim": 0, "vision_cfg": {}, "text_cfg": {}} | config
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{name}: {CONFIG_FILE} is not a model_cfg of open_clip") from error


def _load_tokenizer(open_clip: Any, name: str, files: ModelFiles, config: Any) -> Any:
    """open_clip's own choice. A vocabulary that a local-dir names is searched in that folder."""
    options = {}
    vocabulary = config["text_cfg"].get("tokenizer_kwargs", {}).get("bpe_path")
    if vocabulary and files.folder is not None:
        options["bpe_path"] = str(files.folder / vocabulary)
    try:
        return open_clip.get_tokenizer(files.architecture, **options)
    except ImportError as error:
        raise ModelError(f"{name}: its tokenizer {_NEEDS_TRANSFORMERS}") from error
    except Exception as error:  # transformers and the hub raise many kinds
        raise ModelError(f"{name}: its tokenizer cannot be loaded: {_line(error)}") from error


def _fetch_weights(open_clip: Any, name: str, files: ModelFiles) -> tuple[Path, ...]:
    """Download the weights into the hub's cache, so that later failures are not the network's.
    Returns the model's files."""
    if files.pretrained:
        config = open_clip.get_pretrained_cfg(files.architecture, files.pretrained)
        return (Path(_fetch(name, lambda: open_clip.download_pretrained(config))),)
    if files.folder is not None:
        return tuple(sorted(path for path in files.folder.iterdir() if path.is_file()))
    repository = files.architecture.removeprefix(hub.PREFIX)
    return (Path(_fetch(name, lambda: _download(open_clip, repository, None))),)


def _download(open_clip: Any, repository: str, file: str | None) -> str:
    return str(open_clip.pretrained.download_pretrained_from_hf(repository, filename=file))


def _fetch(name: str, download: Callable[[], _T]) -> _T:
    try:
        return download()
    except Exception as error:  # the hub's client raises dozens of kinds
        raise ModelError(
            f"{name}: cannot be fetched from the model hub ({_line(error)}); {hub.UNREACHABLE}"
        ) from error


def _load_weights(open_clip: Any, name: str, files: ModelFiles) -> Any:
    """The model in float32 on the CPU. Weights that are no safetensors are read with torch's
    weights_only, never by unpickling code."""
    try:
        return open_clip.create_model_from_pretrained(
            files.architecture,
            files.pretrained,
            precision="fp32",
            device="cpu",
            force_quick_gelu=files.quick_gelu,
            weights_only=True,
            return_transform=False,
        )
    except Exception as error:  # bad JSON, shapes, safetensors, zip files …
        if "transformers" in str(error):
            raise ModelError(f"{name}: its text tower {_NEEDS_TRANSFORMERS}") from error
        raise ModelError(
            f"{name}: the model's files are broken or do not fit together: {_line(error)}; "
            f"get them again, or use --model bundled"
        ) from error


def _context_length(config: dict[str, Any]) -> int:
    return int(config["text_cfg"].get("context_length", _CONTEXT_LENGTH))


def _height_width(size: int | tuple[int, int]) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    height, width = size
    return int(height), int(width)


def _line(error: Exception) -> str:
    """An error's first words, shortened: open_clip quotes whole lists of tensors."""
    return shorten(str(error), 240, placeholder=" …") or type(error).__name__

"""Zero-shot classification: labels × prompt templates → probabilities. Pure NumPy."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from mmembed.errors import QueryError
from mmembed.types import Embeddings, Label

Mode: TypeAlias = Literal["softmax", "sigmoid", "multi"]
"""softmax: one label of many. sigmoid: each label for itself, by a model that was trained so.
multi: each label for itself, against other texts."""
MODES: tuple[Mode, ...] = get_args(Mode)

SHORT_TEMPLATES: tuple[str, ...] = (
    "{}",
    "a photo of a {}.",
    "a picture of a {}.",
    "a photo of the {}.",
    "a close-up photo of a {}.",
    "a drawing of a {}.",
    "a photo of a small {}.",
)
"""The default: a few that suit photographs and drawings alike, at a tenth of the cost."""

_PROMPTS_AT_ONCE = 256  # embedded in one call

# The templates that OpenAI published with CLIP for ImageNet (MIT licence).
TEMPLATES: tuple[str, ...] = (
    "a bad photo of a {}.",
    "a photo of many {}.",
    "a sculpture of a {}.",
    "a photo of the hard to see {}.",
    "a low resolution photo of the {}.",
    "a rendering of a {}.",
    "graffiti of a {}.",
    "a bad photo of the {}.",
    "a cropped photo of the {}.",
    "a tattoo of a {}.",
    "the embroidered {}.",
    "a photo of a hard to see {}.",
    "a bright photo of a {}.",
    "a photo of a clean {}.",
    "a photo of a dirty {}.",
    "a dark photo of the {}.",
    "a drawing of a {}.",
    "a photo of my {}.",
    "the plastic {}.",
    "a photo of the cool {}.",
    "a close-up photo of a {}.",
    "a black and white photo of the {}.",
    "a painting of the {}.",
    "a painting of a {}.",
    "a pixelated photo of the {}.",
    "a sculpture of the {}.",
    "a bright photo of the {}.",
    "a cropped photo of a {}.",
    "a plastic {}.",
    "a photo of the dirty {}.",
    "a jpeg corrupted photo of a {}.",
    "a blurry photo of the {}.",
    "a photo of the {}.",
    "a good photo of the {}.",
    "a rendering of the {}.",
    "a {} in a video game.",
    "a photo of one {}.",
    "a doodle of a {}.",
    "a close-up photo of the {}.",
    "a photo of a {}.",
    "the origami {}.",
    "the {} in a video game.",
    "a sketch of a {}.",
    "a doodle of the {}.",
    "a origami {}.",
    "a low resolution photo of a {}.",
    "the toy {}.",
    "a rendition of the {}.",
    "a photo of the clean {}.",
    "a photo of a large {}.",
    "a rendition of a {}.",
    "a photo of a nice {}.",
    "a photo of a weird {}.",
    "a blurry photo of a {}.",
    "a cartoon {}.",
    "art of a {}.",
    "a sketch of the {}.",
    "a embroidered {}.",
    "a pixelated photo of a {}.",
    "itap of the {}.",
    "a jpeg corrupted photo of the {}.",
    "a good photo of a {}.",
    "a plushie {}.",
    "a photo of the nice {}.",
    "a photo of the small {}.",
    "a photo of the weird {}.",
    "the cartoon {}.",
    "art of the {}.",
    "a drawing of the {}.",
    "a photo of the large {}.",
    "a black and white photo of a {}.",
    "the plushie {}.",
    "a dark photo of a {}.",
    "itap of a {}.",
    "graffiti of the {}.",
    "a toy {}.",
    "itap of my {}.",
    "a photo of a cool {}.",
    "a photo of a small {}.",
    "a tattoo of the {}.",
)


def fill(template: str, label: str) -> str:
    """`a photo of a {}.`, `cat` → `a photo of a cat.`; other braces stay as they are.

    Raises QueryError for a template without `{}`: all labels would get the same prompt.
    """
    if "{}" not in template:
        raise QueryError(f"template {template!r}: has no {{}} for the label to go to")
    return template.replace("{}", label)


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels without surrounding blanks.

    Raises QueryError if there is no label, or if a label is blank or comes twice, also with other
    blanks within or in another form of Unicode.
    """
    clean = tuple(label.strip() for label in labels)
    if not clean:
        raise QueryError("labels: give at least one")
    seen: set[str] = set()
    for position, label in enumerate(clean):
        if not label:
            raise QueryError(f"labels[{position}]: is blank")
        plain = unicodedata.normalize("NFC", " ".join(label.split()))
        if plain in seen:
            raise QueryError(f"labels[{position}]: {label!r} is there twice")
        seen.add(plain)
    return clean


def notes_on_case(labels: Sequence[str]) -> tuple[str, ...]:
    """A note on the first labels that differ in case alone: they may mean other things to people,
    as cardigan and Cardigan do."""
    first: dict[str, str] = {}
    for label in labels:
        if (other := first.setdefault(label.casefold(), label)) != label:
            return (
                f"labels {other!r} and {label!r} differ in case alone: most models read both "
                "alike, and each then gets half of the probability",
            )
    return ()


def label_matrix(
    embed_texts: Callable[[Sequence[str]], Embeddings],
    labels: Sequence[str],
    templates: Sequence[str] = SHORT_TEMPLATES,
) -> Embeddings:
    """float32 (n_labels, dim), unit-norm: each label's prompts embedded, averaged, normalised.

    `embed_texts` maps n texts to float32 (n, dim), unit-norm; it gets some 256 at a time.
    Raises QueryError as `check_labels` and `fill` do, and for an empty list of templates.
    """
    if not templates:
        raise QueryError("templates: give at least one, such as 'a photo of a {}.'")
    prompts = [[fill(t, label) for t in templates] for label in check_labels(labels)]
    step = max(1, _PROMPTS_AT_ONCE // len(templates))
    parts = [_average(embed_texts, prompts[i : i + step]) for i in range(0, len(prompts), step)]
    return np.concatenate(parts)


def _average(
    embed_texts: Callable[[Sequence[str]], Embeddings], prompts: Sequence[Sequence[str]]
) -> Embeddings:
    rows = embed_texts([text for texts in prompts for text in texts]).astype(np.float64)
    means = rows.reshape(len(prompts), -1, rows.shape[1]).mean(axis=1)
    unit: Embeddings = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
    return unit


def probabilities(
    images: Embeddings,
    labels: Embeddings,
    *,
    logit_scale: float,
    logit_bias: float | None = None,
    mode: Mode = "softmax",
) -> NDArray[np.float32]:
    """float32 (n_images, dim) × float32 (n_labels, dim), unit-norm → float32 (n_images, n_labels).

    The logits are logit_scale × cosine; for sigmoid plus `logit_bias`, which models trained so
    have. Otherwise as `chances`.
    """
    logits = logit_scale * (images.astype(np.float64) @ labels.astype(np.float64).T)
    return chances(logits + (logit_bias or 0.0) if mode == "sigmoid" else logits, mode)


def chances(logits: NDArray[np.float64], mode: Mode = "softmax") -> NDArray[np.float32]:
    """float64 (n, n_labels) → probabilities, float32 of the same shape.

    softmax: each row sums to 1, exactly one label applies. sigmoid: each label on its own,
    in [0, 1]. Computed in float64. Raises QueryError for another mode: multi needs other texts,
    too, see `classify.rivals`.
    """
    if mode == "sigmoid":
        found = np.exp(-np.logaddexp(0, -logits))  # 1 / (1 + e^-x) that cannot overflow
    elif mode == "softmax":
        found = np.exp(logits - logits.max(axis=1, keepdims=True))
        found /= found.sum(axis=1, keepdims=True)
    else:
        raise QueryError(f"mode {mode!r}: expected softmax or sigmoid")
    as_floats: NDArray[np.float32] = found.astype(np.float32)
    return as_floats


def top_labels(
    labels: Sequence[str],
    likely: NDArray[np.float32],
    scores: NDArray[np.float32],
    k: int | None = None,
    lowest: NDArray[np.float32] | None = None,
) -> tuple[Label, ...]:
    """The k likeliest labels of one image by falling probability, ties in the order of labels.

    likely, scores: float32 (n_labels,), probability in [0, 1] and cosine in [-1, 1]. lowest:
    float32 (n_labels,), the probability below which a label is left out.
    """
    order = np.argsort(-likely, kind="stable")
    order = (order if lowest is None else order[likely[order] >= lowest[order]])[:k]
    names = [labels[i] for i in order.tolist()]
    return tuple(map(Label, names, likely[order].tolist(), scores[order].tolist()))

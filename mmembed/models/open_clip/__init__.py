"""open_clip models as encoders: images and texts → float32 (n, dim), unit-norm.

    name → resolve_model (auto, bundled) → prepared record, or
           locate (files) → load_model → engines → OpenClipEncoder

Owns torch, torchvision, open_clip and huggingface_hub. All of them are imported when a model is
first needed, never before, so that `mmembed --help` answers at once.
"""

from mmembed.models.open_clip.encoder_factory import (
    check_obtainable,
    load_encoder,
    loader,
    measure_engines,
    quantise,
)
from mmembed.models.open_clip.model_names import (
    BUNDLED_FOLDER,
    RECOMMENDED,
    ModelChoice,
    list_models,
    resolve_model,
)
from mmembed.models.open_clip.open_clip_encoder import OpenClipEncoder
from mmembed.models.open_clip.prepare_in_process import prepare_apart

__all__ = [
    "BUNDLED_FOLDER",
    "RECOMMENDED",
    "ModelChoice",
    "OpenClipEncoder",
    "check_obtainable",
    "list_models",
    "load_encoder",
    "loader",
    "measure_engines",
    "prepare_apart",
    "quantise",
    "resolve_model",
]

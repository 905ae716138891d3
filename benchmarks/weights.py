"""ViT-B/32 with random weights of one seed, saved once in the format that each project reads.

    open_clip/      open_clip's local-dir: mmembed and the baselines
    transformers/   a CLIPModel: sentence-transformers, Infinity, clip-retrieval
    onnx/           the image tower: fastembed, rclip

What weights are in it does not change the speed. That all of them hold the same ones is checked
on the vectors before anything is timed.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.peers.job import allow_any_torchvision
from benchmarks.transformers_format import write_transformers

ARCHITECTURE = "ViT-B-32"
SEED = 0


def prepare(folder: Path, exporter: Path | None) -> Path:
    """The folder with the weights; formats that are there are kept.

    exporter: a Python with torch, transformers and onnx; without one there is no ONNX file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "transformers" / "model.safetensors").exists():
        model = random_model()
        write_open_clip(folder / "open_clip", model)
        write_transformers(folder / "transformers", model)
    if exporter is not None and not (folder / "onnx" / "model.onnx").exists():
        export_onnx(folder, exporter)
    return folder


def prepare_open_clip(folder: Path, architecture: str) -> Path:
    """A folder with random weights of an architecture, in open_clip's format alone."""
    made = folder / architecture
    if not (made / "open_clip_model.safetensors").exists():
        write_open_clip(made, random_model(architecture), architecture)
    return made


def random_model(architecture: str = ARCHITECTURE) -> Any:
    """Initialised by open_clip with our seed: different pictures get very different vectors."""
    allow_any_torchvision()
    import open_clip
    import torch

    torch.manual_seed(SEED)
    return open_clip.create_model(architecture).eval()


def write_open_clip(folder: Path, model: Any, architecture: str = ARCHITECTURE) -> None:
    """open_clip_config.json and open_clip_model.safetensors."""
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_cfg": open_clip.get_model_config(architecture),
        "preprocess_cfg": open_clip.get_model_preprocess_cfg(model),
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=1))
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, str(folder / "open_clip_model.safetensors"))


def export_onnx(folder: Path, exporter: Path) -> None:
    """Raises CalledProcessError with what the exporter said."""
    command = [str(exporter), "-m", "benchmarks.peers.export_onnx"]
    subprocess.run(
        [*command, folder / "transformers", folder / "onnx"],
        check=True, cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip

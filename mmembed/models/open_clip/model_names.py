"""Model ids: their meaning, their files, and the model that `auto` stands for.

ViT-B-32/laion2b_s34b_b79k   architecture/pretrained, as `mmembed models` lists them
hf-hub:org/name              a repository in open_clip's format on the model hub
local-dir:/path              a folder in that format
bundled                      the small model that comes with mmembed
auto                         the recommended model if it can be had, else the bundled one
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from mmembed.config.settings import expanded
from mmembed.errors import ModelError
from mmembed.models.open_clip import hub
from mmembed.models.open_clip.import_open_clip import import_open_clip

RECOMMENDED = "ViT-B-32-256/datacomp_s34b_b86k"
BUNDLED_FOLDER = Path(__file__).parents[2] / "bundled"
CONFIG_FILE = "open_clip_config.json"

_LOCAL = "local-dir:"
_WEIGHTS = ("*.safetensors", "*.bin", "*.pth")
_SEE_LIST = "`mmembed models` lists all"


@dataclass(frozen=True)
class ModelChoice:
    """A model id that is not `auto`, and why it was chosen, as a sentence for people."""

    name: str
    reason: str


@dataclass(frozen=True)
class ModelFiles:
    """The arguments for open_clip."""

    architecture: str
    """An architecture, `hf-hub:org/name` or `local-dir:/path`."""
    pretrained: str | None = None
    """The tag of the weights; None if the architecture names the weights, too."""
    folder: Path | None = None
    """The folder of the files, for a local-dir."""
    quick_gelu: bool = False
    """The weights were trained with the QuickGELU activation."""


def list_models() -> list[tuple[str, str]]:
    """All (architecture, pretrained tag) pairs that open_clip knows how to download."""
    return [(str(name), str(tag)) for name, tag in import_open_clip().list_pretrained()]


def resolve_model(name: str) -> ModelChoice:
    """`auto` → the recommended model if it is in the hub's cache or the hub answers within three
    seconds. Otherwise → `bundled`. Any other name stands for itself."""
    if name != "auto":
        return ModelChoice(name, f"{name} was asked for")
    if hub.is_downloaded(RECOMMENDED):
        return ModelChoice(RECOMMENDED, f"{RECOMMENDED} is recommended and already downloaded")
    _, reason = hub.ask_for(RECOMMENDED)
    if reason is None:
        return ModelChoice(RECOMMENDED, f"{RECOMMENDED} is recommended and can be downloaded")
    lost = f"{RECOMMENDED} is not downloaded and {reason}"
    return ModelChoice("bundled", f"{lost}: using the small bundled model, which finds much less")


def locate(name: str) -> ModelFiles:
    """The files behind a model id other than `auto`.

    Raises ModelError for unknown names, with close matches, and for folders that lack files.
    """
    if name == "bundled":
        if not (BUNDLED_FOLDER / CONFIG_FILE).is_file():
            raise ModelError(
                f"bundled: this installation lacks the model ({BUNDLED_FOLDER}); reinstall "
                f"mmembed, or choose another with --model ({_SEE_LIST})"
            )
        return _locate_folder("bundled", BUNDLED_FOLDER)
    if name.startswith(_LOCAL):
        return _locate_folder(name, expanded(Path(name.removeprefix(_LOCAL)), name))
    if name.startswith(hub.PREFIX):
        if name.removeprefix(hub.PREFIX).count("/") != 1:
            raise ModelError(f"{name}: write hf-hub:organisation/name")
        return ModelFiles(name)
    return _locate_pretrained(name)


def _locate_folder(name: str, folder: Path) -> ModelFiles:
    if not folder.is_dir():
        raise ModelError(f"{name}: there is no such folder")
    if not (folder / CONFIG_FILE).is_file():
        raise ModelError(f"{name}: the folder has no {CONFIG_FILE}; open_clip's format is needed")
    if not any(path for pattern in _WEIGHTS for path in folder.glob(pattern)):
        raise ModelError(f"{name}: the folder has no weights (open_clip_model.safetensors)")
    return ModelFiles(f"{_LOCAL}{folder.resolve()}", folder=folder.resolve())


def _locate_pretrained(name: str) -> ModelFiles:
    open_clip = import_open_clip()
    architecture, _, tag = name.rpartition("/")
    config = open_clip.get_pretrained_cfg(architecture, tag)
    if not config:
        raise ModelError(_unknown(name, list_models()))
    return ModelFiles(architecture, tag, quick_gelu=bool(config.get("quick_gelu")))


def _unknown(name: str, known: list[tuple[str, str]]) -> str:
    """The error for an unknown name, with the known forms and similar names."""
    if name and Path(os.path.expanduser(name)).is_dir():
        return f"{name}: a folder is written local-dir:{name}"
    full = {f"{a}/{t}".lower(): f"{a}/{t}" for a, t in known}
    lowered = name.lower()
    close = [key for key in full if key.startswith(f"{lowered}/")][:4]
    close = close or difflib.get_close_matches(lowered, full, n=4, cutoff=0.5)
    meant = f"did you mean {', '.join(full[key] for key in close)}? " if close else ""
    written = f"a model on the hub is written hf-hub:{name}; " if name.count("/") == 1 else ""
    return f"{name}: unknown model; {meant}{written}{_SEE_LIST}"

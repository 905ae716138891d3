"""Model ids: what they mean, where their files are, and which one `auto` stands for.

ViT-B-32/laion2b_s34b_b79k   architecture/pretrained, as `mmembed models` lists them
hf-hub:org/name              a repository in open_clip's format on the model hub
local-dir:/path              a folder in that format
bundled                      the small model that comes with mmembed
auto                         the recommended model if it can be had, else the bundled one
"""

from __future__ import annotations

import difflib
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from mmembed.config import expanded
from mmembed.encoder.foreign import import_open_clip
from mmembed.errors import ModelError

RECOMMENDED = "ViT-B-32-256/datacomp_s34b_b86k"
BUNDLED_FOLDER = Path(__file__).parent.parent / "bundled"
CONFIG_FILE = "open_clip_config.json"
HUB_PATIENCE = 3.0  # seconds until `auto` takes the hub for unreachable

_LOCAL = "local-dir:"
HUB_PREFIX = "hf-hub:"
_WEIGHTS = ("*.safetensors", "*.bin", "*.pth")
_SEE_LIST = "`mmembed models` lists all"


@dataclass(frozen=True)
class ModelChoice:
    """A model id that is not `auto`, and why it was chosen, as a sentence for people."""

    name: str
    reason: str


@dataclass(frozen=True)
class ModelFiles:
    """What open_clip is to be asked for."""

    architecture: str
    """An architecture, `hf-hub:org/name` or `local-dir:/path`."""
    pretrained: str | None = None
    """The tag of the weights; None where the architecture says it all."""
    folder: Path | None = None
    """Where the files are, for a local-dir."""
    quick_gelu: bool = False
    """The weights were trained with the QuickGELU activation."""


def list_models() -> list[tuple[str, str]]:
    """All (architecture, pretrained tag) pairs that open_clip knows how to download."""
    return [(str(name), str(tag)) for name, tag in import_open_clip().list_pretrained()]


def resolve_model(name: str) -> ModelChoice:
    """`auto` → the recommended model if it is in the hub's cache or the hub answers within
    three seconds, else `bundled`; any other name stands for itself."""
    if name != "auto":
        return ModelChoice(name, f"{name} was asked for")
    from huggingface_hub import constants, try_to_load_from_cache

    repository, files = _hub_files(RECOMMENDED)
    if any(isinstance(try_to_load_from_cache(repository, f), str) for f in files):
        return ModelChoice(RECOMMENDED, f"{RECOMMENDED} is recommended and already downloaded")
    if constants.HF_HUB_OFFLINE:
        reason = "HF_HUB_OFFLINE is set"
    elif _hub_answers(repository, files[0]):
        return ModelChoice(RECOMMENDED, f"{RECOMMENDED} is recommended and can be downloaded")
    else:
        reason = f"the model hub did not answer within {HUB_PATIENCE:g} s"
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
    if name.startswith(HUB_PREFIX):
        if name.removeprefix(HUB_PREFIX).count("/") != 1:
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
    """What to say of a name that is not known: how to write it, and what looks like it."""
    if name and Path(os.path.expanduser(name)).is_dir():
        return f"{name}: a folder is written local-dir:{name}"
    full = {f"{a}/{t}".lower(): f"{a}/{t}" for a, t in known}
    asked = name.lower()
    close = [key for key in full if key.startswith(f"{asked}/")][:4]
    close = close or difflib.get_close_matches(asked, full, n=4, cutoff=0.5)
    meant = f"did you mean {', '.join(full[key] for key in close)}? " if close else ""
    hub = f"a model on the hub is written hf-hub:{name}; " if name.count("/") == 1 else ""
    return f"{name}: unknown model; {meant}{hub}{_SEE_LIST}"


def _hub_files(name: str) -> tuple[str, tuple[str, ...]]:
    """The hub repository of an architecture/pretrained name, and what its weights may be called."""
    open_clip = import_open_clip()
    address = str(open_clip.get_pretrained_cfg(*name.split("/"))["hf_hub"])
    repository, _, file = address.rpartition("/")
    weights = (open_clip.constants.HF_SAFE_WEIGHTS_NAME, open_clip.constants.HF_WEIGHTS_NAME)
    return repository, (file,) if file else weights


def _hub_answers(repository: str, file: str) -> bool:
    """Asked on a thread of its own, because looking up a name can outlast any time limit."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    answers: list[bool] = []

    def ask() -> None:
        try:
            get_hf_file_metadata(hf_hub_url(repository, file), timeout=HUB_PATIENCE)
            answers.append(True)
        except Exception:  # no network, no such host, refused, proxy …: all mean «not reachable»
            answers.append(False)

    thread = threading.Thread(target=ask, name="mmembed-hub", daemon=True)
    thread.start()
    thread.join(HUB_PATIENCE)
    return bool(answers and answers[0])

"""Stores the engine and compiled towers of a model on this machine, so that the next start is
quick.

The cache has a folder for each model and Python environment. It names the fastest engine. If that
is one of OpenVINO, it holds everything for embedding without torch. The folder can be made again
and may be deleted at any time. It is discarded when any file of the model or any version changes.
Every file has a checksum over its content, the model and the machine. So a damaged file is made
again, and never changes vectors.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mmembed import files
from mmembed.engines import AUTO, INT8, OPENVINO, Measured
from mmembed.engines.openvino_engine import OpenVinoEngine, opened
from mmembed.models.open_clip.bpe import BpeTables, BpeTokenizer
from mmembed.models.open_clip.facts import OpenClipFacts
from mmembed.models.open_clip.open_clip_encoder import OpenClipEncoder

log = logging.getLogger(__name__)

_LAYOUT = 3
_RECORD, _TABLES = "prepared.json", "bpe.json"
_VERSIONS = ("torch", "open_clip_torch", "timm", "openvino", "tokenizers", "ftfy", "regex")


@dataclass(frozen=True)
class EngineRecord:
    """The record of one model."""

    folder: Path
    facts: OpenClipFacts
    measured: tuple[Measured, ...]
    """The figures of each engine's trial; empty if there was none."""

    @classmethod
    def find(cls, cache_folder: Path, name: str, device: str = "cpu") -> EngineRecord | None:
        """The record of a model id on a device, if it still holds."""
        return cls._read(folder_of(cache_folder, name, device))

    @classmethod
    def _read(cls, folder: Path) -> EngineRecord | None:
        try:
            kept = json.loads(files.read_sealed(folder / _RECORD, about=folder.name))
            if kept["machine"] != _machine() or not all(map(_unchanged, kept["sources"])):
                return None
            measured = tuple(Measured(**trial) for trial in kept["measured"])
            return cls(folder, OpenClipFacts(**kept["facts"]), measured)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("%s: cannot be read (%s); preparing the model again", folder, error)
            return None

    @property
    def fastest(self) -> str | None:
        """The engine that `auto` stands for; None if nothing was measured."""
        fit = [trial for trial in self.measured if trial.exact_enough and trial.engine != INT8]
        return max(fit, key=lambda trial: trial.worth).engine if fit else None

    def encoder(self, wished: str) -> OpenClipEncoder | None:
        """The model, opened without torch; None if the stored files do not suffice."""
        name = self.fastest if wished == AUTO else wished
        if name is None or not name.startswith(OPENVINO):
            return None
        about = _about(self.facts)
        try:
            tables = files.read_sealed(self.folder / _TABLES, about=f"{about} {_TABLES}")
            engine = opened(name, self.folder, about)
            if engine is None:
                return None
            return OpenClipEncoder(self.facts, BpeTokenizer(BpeTables.of_json(tables)), engine)
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("%s: %s cannot be used (%s)", self.folder, _TABLES, error)
            return None


def keep(
    folder: Path,
    facts: OpenClipFacts,
    measured: Sequence[Measured],
    sources: Sequence[Path],
    tables: BpeTables | None,
    engine: OpenVinoEngine | None,
) -> None:
    """Write the record of a model into the folder that `folder_of` gives, with the files of its
    OpenVINO engine. A record that cannot be written only makes the next start slower."""
    record = {
        "machine": _machine(),
        "sources": [_stamp(path) for path in sources],
        "facts": asdict(facts),
        "measured": [asdict(trial) for trial in measured],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if EngineRecord._read(folder) is None:
            for old in folder.iterdir():  # of other weights, or of another version
                old.unlink()
        (folder / _RECORD).unlink(missing_ok=True)
        if tables is not None and engine is not None:
            about = _about(facts)
            files.write_sealed(folder / _TABLES, tables.as_json(), about=f"{about} {_TABLES}")
            engine.keep(folder, about)
        text = json.dumps(record, indent=1).encode()
        files.write_sealed(folder / _RECORD, text, about=folder.name)
    except OSError as error:
        log.warning("%s: cannot be written (%s); the next start will be as slow", folder, error)


def folder_of(cache_folder: Path, name: str, device: str) -> Path:
    """The folder of a model id's record on a device. Each Python environment has its own. Two
    environments of different versions would discard each other's record at every start."""
    told = f"{name} {device} {sys.prefix}"
    return cache_folder / "models" / hashlib.sha256(told.encode()).hexdigest()[:24]


def _about(facts: OpenClipFacts) -> str:
    """The identity of the files beside a record. Files of another model or machine are not opened,
    even if two processes wrote there at once."""
    return " ".join([facts.fingerprint, *_machine()])


def may_have_accelerator() -> bool:
    """Whether there may be a graphics card: the system shows a driver, and torch is no CPU build.
    To ask torch itself takes seconds."""
    drivers = ("nvidiactl", "nvmap", "dxg", "kfd")  # of NVIDIA, its small boards, WSL and AMD
    shown = any((Path("/dev") / driver).exists() for driver in drivers)
    return (shown and not _version("torch").endswith("+cpu")) or sys.platform == "darwin"


def _stamp(path: Path) -> list[Any]:
    status = path.stat()
    return [str(path), status.st_size, status.st_mtime_ns]


def _unchanged(stamp: list[Any]) -> bool:
    path = Path(stamp[0])
    return path.exists() and _stamp(path) == stamp


@cache
def _machine() -> list[str]:
    """The environment that a record depends on beside the model: versions, processor, graphics
    cards."""
    return [
        f"layout {_LAYOUT}",
        sys.version.split()[0],
        *(f"{name} {_version(name)}" for name in _VERSIONS),
        f"{platform.system()} {platform.machine()} {_processor()} × {os.cpu_count()}",
        *_cards(),
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")


def _cards() -> list[str]:
    """NVIDIA's graphics cards, as the driver names them on Linux."""
    try:
        reports = Path("/proc/driver/nvidia/gpus").glob("*/information")
        return [report.read_text("utf-8").partition("\n")[0] for report in sorted(reports)]
    except OSError:
        return []

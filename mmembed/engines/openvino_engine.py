"""Compiles the towers with OpenVINO for this CPU, and stores them compiled. Owns openvino.

Compiling starts from the torch modules and takes seconds. The result is stored as files, one for
each tower and precision. They are opened in a fraction of a second and without torch.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmembed import files
from mmembed.engines.names import INT8

if TYPE_CHECKING:
    from mmembed.engines.towers import Towers

log = logging.getLogger(__name__)

_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
_TOWERS = ("images", "texts")


class OpenVinoEngine:
    """`openvino-float32` or `openvino-bfloat16`; made by `compiled` or `opened`."""

    batch = 16  # larger ones fall out of the CPU's cache

    def __init__(self, name: str, images: Any, texts: Any) -> None:
        """`images`, `texts`: openvino.CompiledModel."""
        self.name = name
        self.device = "cpu"
        self._images, self._texts = images, texts

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (n, height, width, 3), sRGB → float32 (n, dim), not normalised."""
        return _first(self._images(np.ascontiguousarray(pixels)))

    def encode_texts(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """int64 (n, length) → float32 (n, dim), not normalised."""
        return _first(self._texts(np.ascontiguousarray(tokens)))

    def keep(self, folder: Path, about: str) -> None:
        """Write both compiled towers into a folder; about: their model and machine. Raises
        OSError."""
        for tower, compiled in zip(_TOWERS, (self._images, self._texts), strict=True):
            path = _file(folder, tower, self.name)
            content = compiled.export_model().getvalue()
            files.write_sealed(path, content, about=f"{about} {path.name}")


def compiled(name: str, graphs: tuple[Any, Any]) -> OpenVinoEngine:
    """An engine from the result of `converted`."""
    options = _options(name)
    return OpenVinoEngine(name, *(_core().compile_model(graph, "CPU", options) for graph in graphs))


def opened(name: str, folder: Path, about: str) -> OpenVinoEngine | None:
    """The engine that was stored in a folder for the same model and machine; None if there is no
    usable one. OpenVINO takes damaged numbers as they are, and may crash on others. So it gets
    verified files alone."""
    if openvino_version() is None:
        return None
    try:
        with ThreadPoolExecutor(len(_TOWERS)) as readers:  # a hash takes half as long so
            contents = list(readers.map(partial(_content, folder, name, about), _TOWERS))
        options = _options(name)  # not kept with the towers: the default would be bfloat16
        towers = (_core().import_model(content, "CPU", options) for content in contents)
        return OpenVinoEngine(name, *towers)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RuntimeError) as error:
        log.warning("%s: %s cannot be used (%s); compiling it again", folder, name, error)
        return None


def _content(folder: Path, name: str, about: str, tower: str) -> bytes:
    path = _file(folder, tower, name)
    return files.read_sealed(path, about=f"{about} {path.name}")


def _options(name: str) -> dict[str, str]:
    # The parts of a quantised tower that are not in integers use the most exact precision that is
    # fast here.
    precision = openvino_engines()[0] if name == INT8 else name
    hint = _PRECISIONS[precision.removeprefix("openvino-")]
    return {
        "INFERENCE_PRECISION_HINT": hint,
        "PERFORMANCE_HINT": "LATENCY",
        # Threads that are bound to a core wait for other threads on it. Without binding, a busy
        # service answers a sixth more requests.
        "ENABLE_CPU_PINNING": "NO",
    }


def converted(towers: Towers) -> tuple[Any, Any]:
    """Both towers as OpenVINO's graphs, for batches of any size and texts of any length."""
    import openvino
    import torch

    height, width = towers.image_size
    length = -1 if towers.cut else towers.tokens.shape[1]
    pixels = torch.zeros((2, height, width, 3), dtype=torch.uint8)
    tokens = torch.from_numpy(towers.tokens)
    with warnings.catch_warnings():  # it traces, which torch calls deprecated
        warnings.simplefilter("ignore")
        return (
            openvino.convert_model(
                towers.images,
                example_input=pixels,
                input=[openvino.PartialShape([-1, height, width, 3])],
            ),
            openvino.convert_model(
                towers.texts, example_input=tokens, input=[openvino.PartialShape([-1, length])]
            ),
        )


def openvino_engines() -> list[str]:
    """The engines that OpenVINO can run well on this CPU; none if it is not installed."""
    if openvino_version() is None:
        return []
    half = "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [*(["openvino-bfloat16"] if half else []), "openvino-float32"]


def openvino_version() -> str | None:
    """OpenVINO's version, or None if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    if importlib.util.find_spec("openvino") is None:
        return None
    try:
        return version("openvino")
    except PackageNotFoundError:
        return None


@cache
def _core() -> Any:
    import openvino

    return openvino.Core()


def _file(folder: Path, tower: str, name: str) -> Path:
    return folder / f"{tower}-{name.removeprefix('openvino-')}.blob"


def _first(answers: Any) -> NDArray[np.float32]:
    """A copy of the first output: OpenVINO uses its memory again for the next inputs."""
    rows: NDArray[np.float32] = np.array(answers[0], dtype=np.float32)
    return rows

"""The towers run by torch itself, on the CPU, CUDA or MPS."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmembed.engines.towers import Towers

_CPU_BATCH, _GPU_BATCH = 16, 256  # larger ones fall out of the CPU's cache


class TorchEngine:
    """`torch-float32`, `torch-onednn`, `torch-bfloat16` or `torch-float16`.

    float32 shares its weights with `towers`; the others have a copy of half the size.
    """

    def __init__(self, name: str, towers: Towers, device: str = "cpu") -> None:
        """`device` as torch names it."""
        self.name = name
        self.device = device
        self.batch = _CPU_BATCH if device == "cpu" else _GPU_BATCH
        precision = getattr(torch, name.removeprefix("torch-").replace("onednn", "float32"))
        self._images, self._texts = _placed(towers, device, precision)
        # How torch multiplies float32 matrices is a setting of the whole process: MKL's way, or
        # oneDNN's, which this word selects on CPUs.
        self._products = "medium" if name == "torch-onednn" else "highest"

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (n, height, width, 3), sRGB → float32 (n, dim), not normalised."""
        return self._run(self._images, pixels)

    def encode_texts(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """int64 (n, length) → float32 (n, dim), not normalised."""
        return self._run(self._texts, tokens)

    def _run(self, tower: nn.Module, inputs: NDArray[np.uint8] | NDArray[np.int64]
             ) -> NDArray[np.float32]:  # fmt: skip
        torch.set_float32_matmul_precision(self._products)
        with torch.inference_mode():
            rows: Tensor = tower(self._sent(torch.from_numpy(np.ascontiguousarray(inputs))))
            array: NDArray[np.float32] = rows.cpu().numpy()
        return array

    def _sent(self, inputs: Tensor) -> Tensor:
        if self.device.startswith("cuda"):
            return inputs.pin_memory().to(self.device, non_blocking=True)
        return inputs.to(self.device)


def _placed(towers: Towers, device: str, precision: torch.dtype) -> tuple[nn.Module, nn.Module]:
    """The two towers on a device, in a precision; copies, where that changes them."""
    images, texts = towers.images, towers.texts
    if device == "cpu" and precision == torch.float32:
        return images, texts
    images, texts = copy.deepcopy((images, texts))  # together, for the weights that they share
    for tower in (images, texts):
        tower.to(device, precision)
    if device.startswith("cuda"):
        images.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images.mean, images.std = images.mean.to(device), images.std.to(device)
    images.precision = precision
    return images, texts


def device_of_choice() -> str:
    """The fastest device there is: cuda, mps or cpu."""
    if torch.cuda.is_available():
        torch.backends.cudnn.allow_tf32 = False  # else the patch convolution keeps 10 bits
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def torch_engines(device: str) -> list[str]:
    """The engines that torch can run well on a device."""
    if device.startswith("cuda"):
        return ["torch-float16", "torch-bfloat16", "torch-float32"]
    if device == "mps":
        return ["torch-float16", "torch-float32"]
    if device != "cpu":
        return ["torch-float32"]
    half = ["torch-bfloat16"] if torch.ops.mkldnn._is_mkldnn_bf16_supported() else []
    return [*half, "torch-onednn", "torch-float32"]

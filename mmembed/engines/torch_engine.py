"""The towers run by torch itself, on the CPU, CUDA or MPS."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmembed.engines.fixed_batches import SIZES, FixedBatches
from mmembed.engines.names import COMPILED
from mmembed.engines.towers import Towers

_CPU_BATCH, _GPU_BATCH = 16, 256  # larger ones fall out of the CPU's cache
_AT_ONCE = SIZES[0]  # parts of a batch: a graphics card works on a part while the next is sent


class TorchEngine:
    """`torch-float32`, `torch-onednn`, `torch-bfloat16`, `torch-float16` or `torch-compiled`.

    float32 shares its weights with `towers`; the others have a copy of half the size.
    """

    def __init__(self, name: str, towers: Towers, device: str = "cpu") -> None:
        """`device` as torch names it. `torch-compiled` raises the compiler's errors."""
        self.name = name
        self.device = device
        self.batch = _CPU_BATCH if device == "cpu" else _GPU_BATCH
        images, self._texts = placed(towers, device, _PRECISIONS[name])
        self.images: Callable[[Tensor], Tensor] = images
        """The image tower on the device, for at most SIZES[0] pictures at once."""
        if name == COMPILED:  # texts of all lengths would have to be compiled one by one
            self.images = FixedBatches(images, towers.image_size, device)
        # torch multiplies float32 matrices with MKL or with oneDNN, for the whole process. On CPUs
        # this word selects oneDNN.
        self._products = "medium" if name == "torch-onednn" else "highest"

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (n, height, width, 3), sRGB → float32 (n, dim), not normalised."""
        return self._run(self.images, pixels)

    def encode_texts(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """int64 (n, length) → float32 (n, dim), not normalised."""
        return self._run(self._texts, tokens)

    def _run(
        self, tower: Callable[[Tensor], Tensor], inputs: NDArray[np.uint8] | NDArray[np.int64]
    ) -> NDArray[np.float32]:
        torch.set_float32_matmul_precision(self._products)
        with torch.inference_mode():
            parts = torch.split(torch.from_numpy(np.ascontiguousarray(inputs)), _AT_ONCE)
            rows = torch.cat([tower(self._sent(part)) for part in parts])
            array: NDArray[np.float32] = rows.cpu().numpy()
        return array

    def _sent(self, inputs: Tensor) -> Tensor:
        if self.device.startswith("cuda"):
            # torch keeps pinned memory for later copies, and reuses it only after the card has read
            # it. So nothing has to wait here.
            return inputs.pin_memory().to(self.device, non_blocking=True)
        return inputs.to(self.device)


_PRECISIONS = {
    "torch-float32": torch.float32,
    "torch-onednn": torch.float32,
    "torch-bfloat16": torch.bfloat16,
    "torch-float16": torch.float16,
    COMPILED: torch.float16,
}


def placed(towers: Towers, device: str, precision: torch.dtype) -> tuple[nn.Module, nn.Module]:
    """The two towers on a device, in a precision; copies if that changes them."""
    images, texts = towers.images, towers.texts
    if device == "cpu" and precision == torch.float32:
        return images, texts
    images, texts = copy.deepcopy((images, texts))  # together, for the weights that they share
    for tower in (images, texts):
        tower.to(device, precision)
    if device.startswith("cuda"):
        torch.backends.cudnn.allow_tf32 = False  # else the patch convolution keeps 10 bits
        images.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images.mean, images.std = images.mean.to(device), images.std.to(device)
    images.precision = precision
    return images, texts


def device_of_choice() -> str:
    """The fastest available device: cuda, mps or cpu."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def torch_engines(device: str) -> list[str]:
    """The engines that torch can run well on a device."""
    if device.startswith("cuda"):
        return [COMPILED, "torch-float16", "torch-bfloat16", "torch-float32"]
    if device == "mps":
        return ["torch-float16", "torch-float32"]
    if device != "cpu":
        return ["torch-float32"]
    half = ["torch-bfloat16"] if torch.ops.mkldnn._is_mkldnn_bf16_supported() else []
    return [*half, "torch-onednn", "torch-float32"]

"""Runs an image tower that is compiled for a graphics card and recorded at a few batch sizes.

    tower → torch.compile, once for all sizes → a CUDA graph for each size

Compilation fuses the operations between the matrix products into one kernel. The recording starts
all kernels of a batch at once. A batch of another size is filled up to the next size with pixels of
an earlier batch, and their vectors are dropped. That is exact, because pictures do not see each
other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn

BACKEND = "inductor"
SIZES = (128, 64, 32, 16, 8, 4, 2)
"""Largest first: smaller sizes are recorded into its memory. A single picture runs as two, since a
size of 1 would be compiled apart."""
_WARM_UP = 3  # runs before recording, in which libraries choose their kernels

_recording = threading.Lock()  # torch allows a single recording at a time in a process


class FixedBatches:
    """uint8 (n, height, width, 3) on the device, n up to SIZES[0] → float32 (n, dim) there.

    Everything is compiled and recorded when it is made, so that no request waits for that.
    """

    def __init__(self, tower: nn.Module, image_size: tuple[int, int], device: str) -> None:
        """Raises any error of torch's compiler if it cannot be used."""
        compiled = torch.compile(tower, backend=BACKEND)
        blank = torch.zeros((SIZES[0], *image_size, 3), dtype=torch.uint8, device=device)
        record = _Recorder(device) if device.startswith("cuda") else _as_it_is
        self._runs = {}
        with torch.inference_mode():
            for size in SIZES:
                pixels = blank[:size].clone()
                torch._dynamo.mark_dynamic(pixels, 0)  # one program for all sizes, or an error
                self._runs[size] = record(compiled, pixels)

    def __call__(self, pixels: Tensor) -> Tensor:
        """See the class. The rows are a copy: the next batch overwrites the buffer."""
        size = min(size for size in SIZES if size >= len(pixels))
        return self._runs[size](pixels)[: len(pixels)].clone()


_Run = Callable[[Tensor], Tensor]


def _as_it_is(run: _Run, pixels: Tensor) -> _Run:
    """Without recording: run at the size of `pixels`, which are overwritten."""

    def filled_up(batch: Tensor) -> Tensor:
        pixels[: len(batch)] = batch
        return run(pixels)

    run(pixels)
    return filled_up


class _Recorder:
    """Records runs as CUDA graphs that share their memory, since no two run at once."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]

    def __call__(self, run: _Run, pixels: Tensor) -> _Run:
        """A function that copies a batch into `pixels` and replays the run from there."""
        graph = torch.cuda.CUDAGraph()
        with _recording, torch.cuda.device(self._device):
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                for _ in range(_WARM_UP):
                    run(pixels)
            # Only this thread must do nothing else: other threads may be running other models.
            with torch.cuda.graph(
                graph, self._pool, self._stream, capture_error_mode="thread_local"
            ):
                rows = run(pixels)

        def replayed(batch: Tensor) -> Tensor:
            pixels[: len(batch)] = batch
            graph.replay()
            return rows

        return replayed

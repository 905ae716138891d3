"""Batches of 32 from a DataLoader with a worker per core."""

from __future__ import annotations

import os
from typing import Any

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmarks.peers.job import Job, allow_any_torchvision

allow_any_torchvision()
import open_clip  # noqa: E402

BATCH = 32


class Pictures(Dataset[torch.Tensor]):
    """Decoded and preprocessed pictures."""

    def __init__(self, paths: list[str], transform: Any) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        pixels: torch.Tensor = self.transform(Image.open(self.paths[index]))
        return pixels


@torch.inference_mode()
def main() -> None:
    """Embed the pictures of the job."""
    job = Job.from_argv()
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{job.weights}/open_clip")
    model.eval()
    batches = DataLoader(Pictures(job.paths(), transform), BATCH, num_workers=os.cpu_count() or 1)
    job.save(torch.cat([model.encode_image(batch, normalize=True) for batch in batches]))


if __name__ == "__main__":
    main()

"""The plain loop: open, preprocess, encode, one picture after the other."""

from __future__ import annotations

import torch
from PIL import Image

from benchmarks.peers.job import Job, allow_any_torchvision

allow_any_torchvision()
import open_clip  # noqa: E402


@torch.inference_mode()
def main() -> None:
    """Embed the pictures of the job."""
    job = Job.from_argv()
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{job.weights}/open_clip")
    model.eval()
    rows = [
        model.encode_image(transform(Image.open(path))[None], normalize=True)
        for path in job.paths()
    ]
    job.save(torch.cat(rows))


if __name__ == "__main__":
    main()

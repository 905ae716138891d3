"""clip-retrieval's `inference` command over a folder, with its own reader and writer."""

from __future__ import annotations

import os

import numpy as np
import pandas

from benchmarks.peers.job import Job, allow_any_torchvision

allow_any_torchvision()
from clip_retrieval import clip_inference  # noqa: E402


def stored(job: Job) -> np.ndarray:
    """The vectors that it wrote, in the order of the paths."""
    vectors = np.load(job.out / "img_emb" / "img_emb_0.npy")
    paths = pandas.read_parquet(job.out / "metadata" / "metadata_0.parquet")["image_path"]
    return np.asarray(vectors[np.argsort(paths.to_numpy())])


def main() -> None:
    """Embed the pictures of the job, in batches of 32 with a worker per core."""
    job = Job.from_argv()
    clip_inference(
        input_dataset=str(job.pictures),
        output_folder=str(job.out),
        clip_model=f"hf_clip:{job.weights / 'transformers'}",
        batch_size=32,
        num_prepro_workers=os.cpu_count() or 1,
        enable_text=False,
        enable_metadata=False,
        use_jit=False,
    )
    job.save(stored(job))


if __name__ == "__main__":
    main()

"""rclip: what its command does before it searches, over our ONNX file.

rclip's own model takes 256 pixels a side; here it is given ViT-B/32 at 224, as everybody is.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import numpy as np

from benchmarks.peers.job import Job

BATCH = 8  # the command's default
SIDE = 224


def install_model(job: Job) -> None:
    """Put our weights where rclip looks for its own, so that it downloads nothing."""
    from rclip import model_download

    folder = job.out / model_download.MODEL_SUBDIR
    folder.mkdir(parents=True)
    (job.out / "tokenizer").mkdir()
    (folder / model_download.VISUAL_ONNX).symlink_to(job.weights / "onnx" / "model.onnx")
    for unused in (folder / model_download.TEXTUAL_ONNX, job.out / model_download.TOKENIZER_VOCAB):
        unused.touch()


def stored(database: Path) -> list[np.ndarray]:
    """The vectors in the order of their paths."""
    rows = sqlite3.connect(database).execute("SELECT vector FROM images ORDER BY filepath")
    return [np.frombuffer(blob, np.float32) for (blob,) in rows]


def main() -> None:
    """Index the pictures of the job."""
    job = Job.from_argv()
    os.environ["RCLIP_DATADIR"] = str(job.out)
    install_model(job)
    from rclip import main as command
    from rclip.utils import preprocess

    preprocess.IMAGE_SIZE = SIDE
    rclip, _, database = command.init_rclip(str(job.pictures), BATCH)
    rclip.close()
    database.close()
    job.save(stored(job.out / "db.sqlite3"))


if __name__ == "__main__":
    main()

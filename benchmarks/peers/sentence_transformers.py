"""sentence-transformers' CLIP, in its own batches of 32."""

from __future__ import annotations

from benchmarks.peers.job import Job, allow_any_torchvision

allow_any_torchvision()
from PIL import Image  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402


def main() -> None:
    """Embed the pictures of the job."""
    job = Job.from_argv()
    model = SentenceTransformer(str(job.weights / "transformers"), device="cpu")
    pictures = [Image.open(path) for path in job.paths()]
    job.save(model.encode(pictures, batch_size=32))


if __name__ == "__main__":
    main()

"""fastembed: its image model's session over our ONNX file."""

from __future__ import annotations

from fastembed import ImageEmbedding

from benchmarks.peers.job import Job


def main() -> None:
    """Embed the pictures of the job, in fastembed's own batches of 16."""
    job = Job.from_argv()
    model = ImageEmbedding(
        "Qdrant/clip-ViT-B-32-vision", specific_model_path=str(job.weights / "onnx")
    )
    job.save(list(model.embed(job.paths())))


if __name__ == "__main__":
    main()

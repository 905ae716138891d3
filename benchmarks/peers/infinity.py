"""Infinity: its engine, as its server runs it, without HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

from PIL import Image

from benchmarks.peers.job import Job, allow_any_torchvision

allow_any_torchvision()
from infinity_emb import AsyncEmbeddingEngine, EngineArgs  # noqa: E402

REQUEST = 32  # pictures in one call, the default size of its batches


def opened(paths: list[str]) -> list[Image.Image]:
    """Pictures, decoded here because the engine takes them so."""
    return [Image.open(path).convert("RGB") for path in paths]


async def embed(job: Job) -> list[Any]:
    """The next pictures are decoded while the engine works."""
    arguments = EngineArgs(
        model_name_or_path=str(job.weights / "transformers"),
        engine="torch", device="cpu", dtype="float32",
        bettertransformer=False, model_warmup=False,
    )  # fmt: skip
    engine = AsyncEmbeddingEngine.from_args(arguments)
    paths, rows = job.paths(), []
    async with engine:
        parts = [paths[i : i + REQUEST] for i in range(0, len(paths), REQUEST)]
        following = asyncio.create_task(asyncio.to_thread(opened, parts[0]))
        for number in range(len(parts)):
            pictures = await following
            if number + 1 < len(parts):
                following = asyncio.create_task(asyncio.to_thread(opened, parts[number + 1]))
            embeddings, _ = await engine.image_embed(images=pictures)
            rows += embeddings
    return rows


if __name__ == "__main__":
    the_job = Job.from_argv()
    the_job.save(asyncio.run(embed(the_job)))

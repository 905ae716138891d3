"""Haystack's client of Jina's API, for images."""

from __future__ import annotations

from typing import Any

from haystack import Document
from haystack.utils import Secret
from haystack_integrations.components.embedders.jina import (
    JinaDocumentImageEmbedder,
    JinaTextEmbedder,
)

from tests.clients.job import Calls, Job, Rows

calls = Calls("jina-haystack")


def options(job: Job, model: str = "") -> dict[str, Any]:
    return {
        "api_key": Secret.from_token("none"),
        "base_url": f"{job.address}/v1/embeddings",
        "model": model or job.model,
    }


def embed(job: Job, pictures: list[str], model: str = "") -> Rows:
    documents = [Document(content="", meta={"file_path": path}) for path in pictures]
    done = JinaDocumentImageEmbedder(**options(job, model)).run(documents)
    return [one.embedding for one in done["documents"]]


@calls.gives("first text", "`JinaTextEmbedder`")
def one_text(job: Job) -> Rows:
    return [JinaTextEmbedder(**options(job)).run(job.texts[0])["embedding"]]


@calls.gives("image", "`JinaDocumentImageEmbedder`")
def images(job: Job) -> Rows:
    return embed(job, job.pictures)


@calls.raises(RuntimeError, "model", "no-such-model.*bundled")
def unknown_model(job: Job) -> object:
    return embed(job, job.pictures, job.unknown)


@calls.raises(RuntimeError, "image", "truncated")
def broken_image(job: Job) -> object:
    return embed(job, [job.pictures[0], job.broken])


if __name__ == "__main__":
    calls.main()

"""Infinity's own clients: the generated one, and the one for images."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import requests
from infinity_client import Client
from infinity_client.api.default import embeddings, health
from infinity_client.errors import UnexpectedStatus
from infinity_client.models import OpenAIEmbeddingInputImage, OpenAIEmbeddingInputText
from infinity_client.vision_client import InfinityVisionAPI
from PIL import Image

from tests.clients.job import Calls, Job, Rows, floats

calls = Calls("infinity_client")


def generated(job: Job) -> Any:
    return Client(base_url=job.address, raise_on_unexpected_status=True)


def embed(job: Job, shape: Any, inputs: list[str], model: str = "") -> Rows:
    body = shape(input_=inputs, model=model or job.model)
    answer: Any = embeddings.sync(client=generated(job), body=body)
    return [one.embedding for one in answer.data]


def rows(answer: Future[Any]) -> Rows:
    """The second client gives each embedding as a row of a matrix of its own."""
    found, _ = answer.result()
    return floats(one.reshape(-1) for one in found)


@calls.gives("text", "generated client")
def texts(job: Job) -> Rows:
    return embed(job, OpenAIEmbeddingInputText, job.texts)


@calls.gives("first text", "generated client, after its `health`")
def one_text(job: Job) -> Rows:
    answer: Any = health.sync(client=generated(job))
    assert answer["unix"] > 0
    return embed(job, OpenAIEmbeddingInputText, job.texts[:1])


@calls.gives("text", "`InfinityVisionAPI`")
def texts_of_vision(job: Job) -> Rows:
    client = InfinityVisionAPI(url=job.address, model=job.model)
    return rows(client.embed(job.model, job.texts))


@calls.gives("image", "generated client")
def images(job: Job) -> Rows:
    return embed(job, OpenAIEmbeddingInputImage, job.data_uris())


@calls.gives("image, compressed", "`InfinityVisionAPI`, which sends JPEG (cosine > 0.95)")
def images_of_vision(job: Job) -> Rows:
    client = InfinityVisionAPI(url=job.address, model=job.model)
    pictures = [Image.open(path).convert("RGB") for path in job.pictures]
    return rows(client.image_embed(job.model, pictures))


@calls.raises(UnexpectedStatus, "model", "no-such-model.*bundled")
def unknown_model(job: Job) -> object:
    return embed(job, OpenAIEmbeddingInputText, ["a"], job.unknown)


@calls.raises(UnexpectedStatus, "file that is no image", r"input\[1\].*expected one of JPEG")
def broken_image(job: Job) -> object:
    """It cannot read our answers of status 422, which a picture that is cut short would get."""
    words = "data:image/png;base64,bm8gcGljdHVyZQ=="
    return embed(job, OpenAIEmbeddingInputImage, [job.data_uris()[0], words])


@calls.raises(requests.HTTPError, "input", r"input\[1\].*empty")
def unknown_input(job: Job) -> object:
    client = InfinityVisionAPI(url=job.address, model=job.model)
    return client.embed(job.model, ["a", ""]).result()


if __name__ == "__main__":
    calls.main()

"""The OpenAI SDK, of every major version."""

from __future__ import annotations

import asyncio
from typing import Any

import openai

from tests.clients.job import Calls, Job, Rows, data_uri

calls = Calls("openai")


def sdk(job: Job) -> Any:
    return openai.OpenAI(base_url=f"{job.address}/v1", api_key="none", max_retries=0)


def rows(answer: Any) -> Rows:
    assert [one.index for one in answer.data] == list(range(len(answer.data)))
    return [one.embedding for one in answer.data]


@calls.gives("text", "list (base64)")
def texts(job: Job) -> Rows:
    answer = sdk(job).embeddings.create(model=job.model, input=job.texts)
    assert answer.usage.total_tokens > len(job.texts)
    return rows(answer)


@calls.gives("text", "list as floats")
def texts_as_floats(job: Job) -> Rows:
    return rows(
        sdk(job).embeddings.create(model=job.model, input=job.texts, encoding_format="float")
    )


@calls.gives("first text", "one string")
def one_text(job: Job) -> Rows:
    return rows(sdk(job).embeddings.create(model=job.model, input=job.texts[0]))


@calls.gives("text", "async")
def texts_async(job: Job) -> Rows:
    async def ask() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{job.address}/v1", api_key="none") as client:
            return await client.embeddings.create(model=job.model, input=job.texts)

    return rows(asyncio.run(ask()))


@calls.gives("first text", "the first of `models.list()`, retrieved")
def listed_model(job: Job) -> Rows:
    client = sdk(job)
    first = client.models.list().data[0].id
    model = client.models.retrieve(first)
    return rows(client.embeddings.create(model=model.id, input=job.texts[0]))


@calls.gives("image", '`extra_body={"modality": "image"}`')
def images(job: Job) -> Rows:
    more = {"modality": "image"}
    return rows(sdk(job).embeddings.create(model=job.model, input=job.data_uris(), extra_body=more))


@calls.gives("text, then image", "items with `text` and `image`")
def items(job: Job) -> Rows:
    asked: Any = [{"text": job.texts[0]}, {"image": job.data_uris()[0]}]
    return rows(sdk(job).embeddings.create(model=job.model, input=asked))


@calls.gives("mixed", "`post` of vLLM's `messages`")
def messages(job: Job) -> Rows:
    image = {"type": "image_url", "image_url": {"url": job.data_uris()[0]}}
    content = [image, {"type": "text", "text": job.texts[0]}]
    body = {"model": job.model, "messages": [{"role": "user", "content": content}]}
    shape = openai.types.CreateEmbeddingResponse
    return rows(sdk(job).post("/embeddings", cast_to=shape, body=body))


@calls.raises(openai.NotFoundError, "model", "no-such-model.*bundled")
def unknown_model(job: Job) -> object:
    return sdk(job).embeddings.create(model=job.unknown, input="a")


@calls.raises(openai.UnprocessableEntityError, "image", r"input\[1\].*truncated")
def broken_image(job: Job) -> object:
    asked = [job.data_uris()[0], data_uri(job.broken)]
    more = {"modality": "image"}
    return sdk(job).embeddings.create(model=job.model, input=asked, extra_body=more)


@calls.raises(openai.UnprocessableEntityError, "input", r"input\[1\]")
def unknown_input(job: Job) -> object:
    asked: Any = ["a", {"sound": "b"}]
    return sdk(job).embeddings.create(model=job.model, input=asked)


if __name__ == "__main__":
    calls.main()

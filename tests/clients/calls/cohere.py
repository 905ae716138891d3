"""Cohere's SDK, its second version of the API."""

from __future__ import annotations

import asyncio
from typing import Any

import cohere
from cohere.core.api_error import ApiError

from tests.clients.job import Calls, Job, Rows, data_uri

calls = Calls("cohere")


def embed(job: Job, form: str = "float", **more: Any) -> Rows:
    client = cohere.ClientV2(api_key="none", base_url=job.address)
    asked = {"model": job.model, "input_type": "search_document", "embedding_types": [form]}
    answer = client.embed(**{**asked, **more})
    name = "float_" if form == "float" else form
    found: Rows = getattr(answer.embeddings, name)
    return found


def content(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"content": list(parts)}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def image(uri: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": uri}}


@calls.gives("text", "texts")
def texts(job: Job) -> Rows:
    return embed(job, texts=job.texts)


@calls.gives("text", "async")
def texts_async(job: Job) -> Rows:
    async def ask() -> Any:
        client = cohere.AsyncClientV2(api_key="none", base_url=job.address)
        return await client.embed(
            model=job.model,
            input_type="search_query",
            embedding_types=["float"],
            texts=job.texts,
        )

    found: Rows = asyncio.run(ask()).embeddings.float_
    return found


@calls.gives("int8", "int8")
def texts_int8(job: Job) -> Rows:
    return embed(job, "int8", texts=job.texts)


@calls.gives("uint8", "uint8")
def texts_uint8(job: Job) -> Rows:
    return embed(job, "uint8", texts=job.texts)


@calls.gives("binary", "binary")
def texts_binary(job: Job) -> Rows:
    return embed(job, "binary", texts=job.texts)


@calls.gives("ubinary", "ubinary")
def texts_ubinary(job: Job) -> Rows:
    return embed(job, "ubinary", texts=job.texts)


@calls.gives("first image", "images")
def one_image(job: Job) -> Rows:
    return embed(job, input_type="image", images=job.data_uris()[:1])


@calls.gives("image", "inputs")
def images(job: Job) -> Rows:
    return embed(job, inputs=[content(image(uri)) for uri in job.data_uris()])


@calls.gives("text, then image", "inputs of both kinds")
def text_then_image(job: Job) -> Rows:
    asked = [content(text(job.texts[0])), content(image(job.data_uris()[0]))]
    return embed(job, inputs=asked)


@calls.gives("mixed", "text and image as one input")
def mixed(job: Job) -> Rows:
    asked = [content(image(job.data_uris()[0]), text(job.texts[0]))]
    return embed(job, inputs=asked)


@calls.raises(cohere.NotFoundError, "model", "no-such-model.*bundled")
def unknown_model(job: Job) -> object:
    return embed(job, model=job.unknown, texts=["a"])


@calls.raises(cohere.UnprocessableEntityError, "image", r"inputs\[1\].*truncated")
def broken_image(job: Job) -> object:
    uris = [job.data_uris()[0], data_uri(job.broken)]
    return embed(job, inputs=[content(image(uri)) for uri in uris])


@calls.raises(ApiError, "input", r"texts\[1\].*empty")
def unknown_input(job: Job) -> object:
    return embed(job, texts=["a", ""])


if __name__ == "__main__":
    calls.main()

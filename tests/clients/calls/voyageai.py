"""Voyage's SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import voyageai
from PIL import Image
from voyageai.error import APIError, MalformedRequestError

from tests.clients.job import Calls, Job, Rows, data_uri

calls = Calls("voyageai")


def sdk(job: Job) -> Any:
    return voyageai.Client(api_key="none", base_url=f"{job.address}/v1", max_retries=0)


def embed(job: Job, inputs: list[Any], **more: Any) -> Rows:
    asked = {"inputs": inputs, "model": job.model, **more}
    found: Rows = sdk(job).multimodal_embed(**asked).embeddings
    return found


@calls.gives("text", "`multimodal_embed`")
def texts(job: Job) -> Rows:
    return embed(job, [[text] for text in job.texts])


@calls.gives("text", "`multimodal_embed`, async")
def texts_async(job: Job) -> Rows:
    async def ask() -> Any:
        client = voyageai.AsyncClient(api_key="none", base_url=f"{job.address}/v1")
        return await client.multimodal_embed([[text] for text in job.texts], model=job.model)

    found: Rows = asyncio.run(ask()).embeddings
    return found


@calls.gives("text", "`embed`")
def texts_of_embed(job: Job) -> Rows:
    found: Rows = sdk(job).embed(job.texts, model=job.model, input_type="document").embeddings
    return found


@calls.gives("image", "Pillow images")
def images(job: Job) -> Rows:
    return embed(job, [[Image.open(path)] for path in job.pictures], input_type="document")


@calls.gives("image", "data URIs")
def images_of_data_uris(job: Job) -> Rows:
    parts = [{"type": "image_base64", "image_base64": uri} for uri in job.data_uris()]
    return embed(job, [{"content": [part]} for part in parts])


@calls.gives("mixed", "text and image as one input")
def mixed(job: Job) -> Rows:
    return embed(job, [[job.texts[0], Image.open(job.pictures[0])]])


@calls.raises(APIError, "model", "no-such-model.*bundled")
def unknown_model(job: Job) -> object:
    return sdk(job).multimodal_embed([["a"]], model=job.unknown)


@calls.raises(MalformedRequestError, "image", r"inputs\[1\].*truncated")
def broken_image(job: Job) -> object:
    uris = [job.data_uris()[0], data_uri(job.broken)]
    parts = [{"type": "image_base64", "image_base64": uri} for uri in uris]
    return embed(job, [{"content": [part]} for part in parts])


@calls.raises(MalformedRequestError, "input", r"inputs\[1\].*empty")
def unknown_input(job: Job) -> object:
    return embed(job, [["a"], [""]])


if __name__ == "__main__":
    calls.main()

"""The items of Jina, SGLang, LiteLLM and Chroma, as each of them writes images."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.clients.calls.by_hand import Refused, post_json
from tests.clients.job import Calls, Job, Rows, data_uri

calls = Calls()


def embed(job: Job, inputs: list[Any], **more: Any) -> Rows:
    body = {"model": job.model, "input": inputs, **more}
    return [one["embedding"] for one in post_json(f"{job.address}/v1/embeddings", body)["data"]]


def each(job: Job, item: Callable[[str], Any], **more: Any) -> Rows:
    return embed(job, [item(path) for path in job.pictures], **more)


def bare(path: str) -> str:
    return base64.b64encode(Path(path).read_bytes()).decode()


@calls.gives("text", "`text`")
def texts(job: Job) -> Rows:
    asked = {"task": "text-matching", "embedding_type": "float", "normalized": True}
    return embed(job, [{"text": text} for text in job.texts], **asked)


@calls.gives("text, then image", "`text` and `image`")
def text_then_image(job: Job) -> Rows:
    return embed(job, [{"text": job.texts[0]}, {"image": job.data_uris()[0]}])


@calls.gives("image", "`image` as data URI")
def data_uris(job: Job) -> Rows:
    return each(job, lambda path: {"image": data_uri(path)})


@calls.gives("image", "in base64")
def base64_images(job: Job) -> Rows:
    return each(job, lambda path: {"image": bare(path)})


@calls.gives("image", "`bytes`")
def bytes_of_images(job: Job) -> Rows:
    return each(job, lambda path: {"bytes": bare(path)}, encoding_type="float")


@calls.gives("image", "`url`")
def urls(job: Job) -> Rows:
    return each(job, lambda path: {"url": data_uri(path)})


@calls.gives("image", "bare data URIs")
def bare_data_uris(job: Job) -> Rows:
    return each(job, data_uri)


@calls.raises(Refused, "model", '^404.*"detail": ?"[^"]*no-such-model')
def unknown_model(job: Job) -> object:
    return embed(job, ["a"], model=job.unknown)


@calls.raises(Refused, "image", r'^422.*"detail": ?"input\[1\][^"]*truncated')
def broken_image(job: Job) -> object:
    return embed(job, [{"text": "a"}, {"image": bare(job.broken)}])


@calls.raises(Refused, "input", r'^422.*"detail": ?"input\[1\]')
def unknown_input(job: Job) -> object:
    return embed(job, ["a", {"sound": "b"}])


if __name__ == "__main__":
    calls.main()

"""LiteLLM, by each of its providers that can be pointed at a server."""

from __future__ import annotations

from typing import Any

import litellm

from tests.clients.job import Calls, Job, Rows, data_uri

calls = Calls("litellm")


def embed(job: Job, provider: str, inputs: list[str], model: str = "", **more: Any) -> Rows:
    """Infinity's and Jina's address is the whole one; OpenAI's ends before `/embeddings`."""
    address = job.address if provider == "infinity" else f"{job.address}/v1"
    answer = litellm.embedding(
        model=f"{provider}/{model or job.model}",
        input=inputs,
        api_base=address,
        api_key="none",
        max_retries=0,
        **more,
    )
    return [one["embedding"] for one in answer.data]


@calls.gives("text", "`openai/`")
def openai_texts(job: Job) -> Rows:
    return embed(job, "openai", job.texts, encoding_format="float")


@calls.gives("text", "`infinity/`")
def infinity_texts(job: Job) -> Rows:
    return embed(job, "infinity", job.texts)


@calls.gives("text", "`hosted_vllm/`")
def vllm_texts(job: Job) -> Rows:
    return embed(job, "hosted_vllm", job.texts, encoding_format="float")


@calls.gives("text", "`jina_ai/`")
def jina_texts(job: Job) -> Rows:
    return embed(job, "jina_ai", job.texts)


@calls.gives("image", "`jina_ai/`")
def jina_images(job: Job) -> Rows:
    return embed(job, "jina_ai", job.data_uris())


@calls.gives("image", '`infinity/` with `modality="image"`')
def infinity_images(job: Job) -> Rows:
    return embed(job, "infinity", job.data_uris(), modality="image")


@calls.raises(litellm.NotFoundError, "model", "no-such-model.*bundled")
def unknown_model(job: Job) -> object:
    return embed(job, "openai", ["a"], job.unknown)


@calls.raises(litellm.BadRequestError, "image", r"input\[1\].*truncated")
def broken_image(job: Job) -> object:
    return embed(job, "jina_ai", [job.data_uris()[0], data_uri(job.broken)])


@calls.raises(litellm.BadRequestError, "input", r"input\[1\].*empty")
def unknown_input(job: Job) -> object:
    return embed(job, "hosted_vllm", ["a", ""])


if __name__ == "__main__":
    calls.main()

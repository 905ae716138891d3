"""LlamaIndex's client of servers that speak as OpenAI does."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
from llama_index.embeddings.openai_like import OpenAILikeEmbedding

from tests.clients.job import Calls, Job, Rows

calls = Calls("llama-index-embeddings-openai-like", lacks="its methods take texts alone")


def client(job: Job, model: str = "") -> Any:
    return OpenAILikeEmbedding(
        model_name=model or job.model, api_base=f"{job.address}/v1", api_key="none", max_retries=0
    )


@calls.gives("text", "`get_text_embedding_batch`")
def texts(job: Job) -> Rows:
    found: Rows = client(job).get_text_embedding_batch(job.texts)
    return found


@calls.gives("first text", "`get_query_embedding`")
def one_text(job: Job) -> Rows:
    return [client(job).get_query_embedding(job.texts[0])]


@calls.gives("text", "`aget_text_embedding_batch`")
def texts_async(job: Job) -> Rows:
    found: Rows = asyncio.run(client(job).aget_text_embedding_batch(job.texts))
    return found


@calls.raises(openai.NotFoundError, "model", "no-such-model.*bundled")
def unknown_model(job: Job) -> object:
    return client(job, job.unknown).get_text_embedding("a")


@calls.raises(openai.APIStatusError, "input", r"input\[0\]")
def unknown_input(job: Job) -> object:
    return client(job).get_text_embedding("")


if __name__ == "__main__":
    calls.main()

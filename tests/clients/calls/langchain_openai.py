"""LangChain's client of OpenAI's API."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import tiktoken
from langchain_openai import OpenAIEmbeddings

from tests.clients.job import Calls, Job, Rows

calls = Calls("langchain-openai", lacks="its methods take texts alone")


def client(job: Job, **more: Any) -> Any:
    asked = {"model": job.model, "check_embedding_ctx_length": False, "max_retries": 0, **more}
    return OpenAIEmbeddings(**{"base_url": f"{job.address}/v1", "api_key": "none", **asked})


def put_encoding() -> None:
    """One where every byte is a token, in the place of that which would be downloaded."""
    ranks = {bytes([value]): value for value in range(256)}
    tiktoken.registry.ENCODINGS["cl100k_base"] = tiktoken.Encoding(
        "cl100k_base", pat_str=r"(?s).", mergeable_ranks=ranks, special_tokens={}
    )


@calls.gives("text", "`embed_documents`")
def texts(job: Job) -> Rows:
    found: Rows = client(job).embed_documents(job.texts)
    return found


@calls.gives("first text", "`embed_query`")
def one_text(job: Job) -> Rows:
    return [client(job).embed_query(job.texts[0])]


@calls.gives("text", "`aembed_documents`")
def texts_async(job: Job) -> Rows:
    found: Rows = asyncio.run(client(job).aembed_documents(job.texts))
    return found


@calls.raises(openai.NotFoundError, "model", "no-such-model.*bundled")
def unknown_model(job: Job) -> object:
    return client(job, model=job.unknown).embed_documents(["a"])


@calls.gives("text", "token ids, as by default")
def token_ids(job: Job) -> Rows:
    assert job.knows_tokens
    put_encoding()
    address = f"{job.knows_tokens}/v1"
    asked = {"base_url": address, "check_embedding_ctx_length": True}
    found: Rows = client(job, **asked).embed_documents(job.texts)
    return found


@calls.raises(openai.BadRequestError, "token ids of an unknown vocabulary", "check_embedding_ctx")
def unknown_token_ids(job: Job) -> object:
    put_encoding()
    return client(job, check_embedding_ctx_length=True).embed_documents(["a red bus"])


@calls.raises(openai.APIStatusError, "input", r"input\[1\].*empty")
def unknown_input(job: Job) -> object:
    return client(job).embed_documents(["a", ""])


if __name__ == "__main__":
    calls.main()

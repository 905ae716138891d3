"""LangChain's client of Infinity's API."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_community.embeddings import InfinityEmbeddings

from tests.clients.job import Calls, Job, Rows

calls = Calls("langchain-community", lacks="its methods take texts alone")


def client(job: Job, model: str = "") -> Any:
    return InfinityEmbeddings(model=model or job.model, infinity_api_url=job.address)


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


@calls.raises(Exception, "model", "no-such-model.*bundled")
def unknown_model(job: Job) -> object:
    return client(job, job.unknown).embed_documents(["a"])


@calls.raises(Exception, "input", r"input\[1\].*empty")
def unknown_input(job: Job) -> object:
    return client(job).embed_documents(["a", ""])


if __name__ == "__main__":
    calls.main()

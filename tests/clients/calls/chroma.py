"""Chroma's embedding function for OpenAI's API."""

from __future__ import annotations

from typing import Any

import openai
from chromadb.utils.embedding_functions import OpenAIEmbeddingFunction

from tests.clients.job import Calls, Job, Rows, floats

calls = Calls("chromadb", lacks="the function takes texts alone")


def function(job: Job, model: str = "") -> Any:
    return OpenAIEmbeddingFunction(
        api_key="none", api_base=f"{job.address}/v1", model_name=model or job.model
    )


@calls.gives("text", "the function")
def texts(job: Job) -> Rows:
    return floats(function(job)(job.texts))


@calls.raises(openai.NotFoundError, "model", "no-such-model.*bundled")
def unknown_model(job: Job) -> object:
    return function(job, job.unknown)(["a"])


@calls.raises(openai.APIStatusError, "input", r"input\[1\].*empty")
def unknown_input(job: Job) -> object:
    return function(job)(["a", ""])


if __name__ == "__main__":
    calls.main()

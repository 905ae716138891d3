"""Haystack's client of OpenAI's API."""

from __future__ import annotations

from typing import Any

import openai
from haystack import Document
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.utils import Secret

from tests.clients.job import Calls, Job, Rows

calls = Calls("haystack-ai", lacks="its methods take texts alone")


def options(job: Job, model: str = "") -> dict[str, Any]:
    return {
        "api_key": Secret.from_token("none"),
        "api_base_url": f"{job.address}/v1",
        "model": model or job.model,
        "max_retries": 0,
    }


@calls.gives("first text", "`OpenAITextEmbedder`")
def one_text(job: Job) -> Rows:
    return [OpenAITextEmbedder(**options(job)).run(job.texts[0])["embedding"]]


@calls.gives("text", "`OpenAIDocumentEmbedder`")
def texts(job: Job) -> Rows:
    documents = [Document(content=text) for text in job.texts]
    done = OpenAIDocumentEmbedder(**options(job), progress_bar=False).run(documents)
    return [one.embedding for one in done["documents"]]


@calls.raises(openai.NotFoundError, "model", "no-such-model.*bundled")
def unknown_model(job: Job) -> object:
    return OpenAITextEmbedder(**options(job, job.unknown)).run("a")


@calls.raises(openai.APIStatusError, "input", "empty")
def unknown_input(job: Job) -> object:
    return OpenAITextEmbedder(**options(job)).run("")


if __name__ == "__main__":
    calls.main()

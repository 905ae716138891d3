"""LlamaIndex's client of Cohere's API, which takes no names of models but Cohere's: the server
answers to one of them as its alias."""

from __future__ import annotations

from typing import Any

import cohere
from llama_index.embeddings.cohere import CohereEmbedding

from tests.clients.job import Calls, Job, Rows

calls = Calls("llama-index-embeddings-cohere")


def client(job: Job, **more: Any) -> Any:
    asked = {"model_name": job.alias, "api_key": "none", "base_url": job.address, **more}
    return CohereEmbedding(**asked)


@calls.gives("text", "`get_text_embedding_batch`")
def texts(job: Job) -> Rows:
    found: Rows = client(job, input_type="search_document").get_text_embedding_batch(job.texts)
    return found


@calls.gives("first text", "`get_query_embedding`")
def one_text(job: Job) -> Rows:
    return [client(job).get_query_embedding(job.texts[0])]


@calls.gives("first image", "`get_image_embedding`")
def one_image(job: Job) -> Rows:
    return [client(job).get_image_embedding(job.pictures[0])]


@calls.gives("image", "`get_image_embedding_batch`")
def images(job: Job) -> Rows:
    found: Rows = client(job).get_image_embedding_batch(job.pictures)
    return found


@calls.raises(cohere.NotFoundError, "model", "embed-english-v3.0.*bundled")
def unknown_model(job: Job) -> object:
    return client(job, model_name="embed-english-v3.0").get_text_embedding("a")


@calls.raises(cohere.UnprocessableEntityError, "image", r"inputs\[0\].*truncated")
def broken_image(job: Job) -> object:
    return client(job).get_image_embedding(job.broken)


@calls.raises(cohere.UnprocessableEntityError, "input", r"texts\[0\].*empty")
def unknown_input(job: Job) -> object:
    return client(job).get_text_embedding("")


if __name__ == "__main__":
    calls.main()

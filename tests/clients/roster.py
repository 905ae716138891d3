"""The clients that are tried: what each is called, where it lives, what makes its calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Client:
    """A client package, or a program whose requests are written by hand.

    calls: module in `tests/clients/calls`. environment: its file in `requirements`; None where
    the standard library does.
    """

    name: str
    title: str
    calls: str
    environment: str | None
    since: tuple[int, int] = (3, 10)
    """The first Python that its packages run on."""
    sends_tokens: bool = False
    """Whether it needs a server that reads token ids."""


CLIENTS = (
    Client("openai-3", "openai", "openai", "openai-3"),
    Client("openai-2", "openai", "openai", "openai-2"),
    Client("openai-1", "openai", "openai", "openai-1"),
    Client("cohere", "cohere, `ClientV2`", "cohere", "cohere"),
    Client("voyageai", "voyageai", "voyageai", "voyageai"),
    Client(
        "langchain-openai",
        "LangChain, `OpenAIEmbeddings`",
        "langchain_openai",
        "langchain",
        sends_tokens=True,
    ),
    Client(
        "langchain-infinity", "LangChain, `InfinityEmbeddings`", "langchain_infinity", "langchain"
    ),
    Client(
        "llama-index-openai",
        "LlamaIndex, `OpenAILikeEmbedding`",
        "llama_index_openai",
        "llama-index",
    ),
    Client(
        "llama-index-cohere", "LlamaIndex, `CohereEmbedding`", "llama_index_cohere", "llama-index"
    ),
    Client("infinity", "infinity_client", "infinity", "infinity"),
    Client("litellm", "LiteLLM", "litellm", "litellm"),
    Client(
        "haystack-openai",
        "Haystack, `OpenAITextEmbedder`",
        "haystack_openai",
        "haystack",
        since=(3, 11),
    ),
    Client(
        "haystack-jina",
        "Haystack, `JinaDocumentImageEmbedder`",
        "haystack_jina",
        "haystack",
        since=(3, 11),
    ),
    Client("chroma", "Chroma, `OpenAIEmbeddingFunction`", "chroma", "chroma"),
    Client("immich", "Immich server (by hand)", "immich", None),
    Client("vllm", "vLLM chat form (by hand)", "vllm", None),
    Client("jina", "Jina and SGLang items (by hand)", "jina", None),
)


def chosen(names: list[str]) -> list[Client]:
    """The clients of these names, of their environments (`langchain`), or of their calls
    (`openai`, for every version of it); all where there is no name. Raises ValueError."""
    for name in names:
        if not any(name in names_of(client) for client in CLIENTS):
            known = sorted({one for client in CLIENTS for one in names_of(client)})
            raise ValueError(f"{name}: no such client; there are {', '.join(known)}")
    return [one for one in CLIENTS if not names or names_of(one) & set(names)]


def names_of(client: Client) -> set[str]:
    """What a client can be chosen by."""
    return {client.name, client.calls, client.environment or client.name}

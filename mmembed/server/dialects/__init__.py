"""The embedding requests that existing clients send, each translated into one path.

    OpenAI, Infinity, Jina, vLLM ─┐
    Cohere ───────────────────────┤→ inputs → embedding → vectors → the dialect's answer
    Voyage ───────────────────────┤
    Immich ───────────────────────┘

A dialect's module only translates shapes, so the same input gives the same vector through every
dialect.
"""

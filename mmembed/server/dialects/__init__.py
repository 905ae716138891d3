"""The embedding requests that existing clients send, each translated into one path.

    OpenAI, Infinity, Jina, vLLM ─┐
    Cohere ───────────────────────┤→ read_inputs → embed_request → vector_formats → the answer
    Voyage ───────────────────────┤
    Immich ───────────────────────┘

A dialect's module only translates shapes, so the same input gives the same vector through every
dialect.
"""

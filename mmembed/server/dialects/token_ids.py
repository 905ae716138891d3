"""Decodes token ids to text, by the vocabulary of the caller's tokenizer.

That is never this server's own: langchain-openai sends ids of OpenAI's cl100k_base, which in
another vocabulary stand for other words. The owner configures it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from mmembed.config.settings import expanded, variable
from mmembed.errors import ModelError, TokenError

SETTING = variable("token_vocabulary")


def text_of(ids: Sequence[int], name: str, vocabulary: str) -> str:
    """The text of the ids. Raises TokenError if there is no vocabulary or it lacks an id,
    ModelError if its file cannot be read."""
    if not vocabulary:
        raise TokenError(
            f"{name}: token ids are of a tokenizer that is not known here; send the text itself "
            f"(langchain-openai: check_embedding_ctx_length=False), or set {SETTING} to the "
            "tokenizer's .tiktoken file",
            param=name,
        )
    known = _read(vocabulary)
    unknown = next((number for number in ids if number not in known), None)
    if unknown is not None:
        raise TokenError(f"{name}: {SETTING} has no token {unknown}; send the text", param=name)
    return b"".join(known[number] for number in ids).decode(errors="replace")


@lru_cache(2)
def _read(path: str) -> dict[int, bytes]:
    """A .tiktoken file: a line for each token, its bytes in base64 and its number."""
    try:
        lines = [
            line.split() for line in expanded(Path(path), SETTING).read_bytes().splitlines() if line
        ]
        return {int(number): base64.b64decode(token, validate=True) for token, number in lines}
    except OSError as error:
        raise ModelError(f"{SETTING}: the file cannot be read: {error.strerror}") from None
    except (ValueError, binascii.Error):
        raise ModelError(f"{SETTING}: expected a .tiktoken file") from None

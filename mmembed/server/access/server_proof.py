"""Proves that a server wrote the address in the data folder.

    secret in `serving.json` → nonce of the client that read it → HMAC over nonce and port

After a crash the address stays in the folder, and any program may listen there. It cannot prove
anything, because it cannot read the file. A proof from another server does not hold for its port.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

PATH = "/v1/proof"
SECRET_BYTES = 32


def new_secret() -> str:
    """A random number for one run of a server, or for one question to it; hexadecimal."""
    return secrets.token_hex(SECRET_BYTES)


def proof_of(secret: str, nonce: str, port: int) -> str:
    """The proof of the server that knows the secret, for that port; hexadecimal."""
    message = f"mmembed serve {port} {nonce}".encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def is_proven(said: object, secret: str, nonce: str, port: int) -> bool:
    """Whether the proof is right."""
    return isinstance(said, str) and said.isascii() and hmac.compare_digest(
        said, proof_of(secret, nonce, port)
    )  # fmt: skip

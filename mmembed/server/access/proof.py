"""How a server proves that it is the one whose address lies in the data folder.

    secret in `serving.json` → nonce of whoever read it → HMAC over nonce and port

After a crash the address stays in the folder, and any program may listen there. It cannot prove
anything, for it cannot read the file; and what another server says does not hold for its own port.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

PATH = "/v1/proof"
SECRET_BYTES = 32


def new_secret() -> str:
    """Of one run of a server, or of one question to it; hexadecimal."""
    return secrets.token_hex(SECRET_BYTES)


def proof_of(secret: str, nonce: str, port: int) -> str:
    """What the server that knows the secret says on that port; hexadecimal."""
    message = f"mmembed serve {port} {nonce}".encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def is_proven(said: object, secret: str, nonce: str, port: int) -> bool:
    """Whether that was said."""
    return isinstance(said, str) and said.isascii() and hmac.compare_digest(
        said, proof_of(secret, nonce, port)
    )  # fmt: skip

"""Requests as programs that are no packages send them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """An answer with an error status; the message is the whole of it, as text."""


def post(address: str, body: bytes, content_type: str) -> Any:
    """The JSON that answers. Raises Refused."""
    headers = {"Content-Type": content_type, "Accept": "*/*", "Authorization": "Bearer none"}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body, headers)) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Refused(f"{error.code}: {error.read().decode()}") from None


def post_json(address: str, body: Mapping[str, Any]) -> Any:
    """The JSON that answers JSON. Raises Refused."""
    return post(address, json.dumps(body).encode(), "application/json")

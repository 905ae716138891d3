"""Reads a multipart form as the classify route does: files named `images`, texts `labels`."""

from __future__ import annotations

from dataclasses import dataclass
from email import policy
from email.parser import BytesParser


@dataclass(frozen=True)
class Upload:
    """A picture that somebody sends: what it is called, and its bytes."""

    name: str
    data: bytes


def multipart(content_type: str, body: bytes) -> tuple[list[Upload], list[str]]:
    """The images and the labels of a form."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    uploads: list[Upload] = []
    labels: list[str] = []
    for part in message.iter_parts():
        field = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        if field == "images":
            uploads.append(Upload(part.get_filename() or "", data))
        elif field == "labels":
            labels.append(data.decode())
    return uploads, labels

"""Immich's server, which asks a machine-learning server for its vectors: the requests that Node's
`fetch` makes of its `FormData`."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.clients.calls.by_hand import Refused, post
from tests.clients.job import Calls, Job, Rows

calls = Calls()
BOUNDARY = "----formdata-undici-024831516718"


def predict(job: Job, entries: dict[str, Any], payload: bytes) -> Any:
    """The answer to a form of entries, then the payload: a part with its head."""
    head = b'Content-Disposition: form-data; name="entries"\r\n\r\n'
    parts = [head + json.dumps(entries, separators=(",", ":")).encode(), payload]
    mark = f"--{BOUNDARY}".encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
    return post(f"{job.address}/predict", body, f"multipart/form-data; boundary={BOUNDARY}")


def words(text: str) -> bytes:
    return b'Content-Disposition: form-data; name="text"\r\n\r\n' + text.encode()


def blob(path: str) -> bytes:
    """Immich gives the file neither its name nor its type."""
    head = b'Content-Disposition: form-data; name="image"; filename="blob"\r\n'
    return head + b"Content-Type: application/octet-stream\r\n\r\n" + Path(path).read_bytes()


def vector(answer: Any) -> list[float]:
    """Immich hands the string on to its database, which reads it as a vector."""
    found: list[float] = json.loads(answer["clip"])
    return found


def textual(job: Job, **more: Any) -> dict[str, Any]:
    return {"clip": {"textual": {"modelName": job.model, "options": {}, **more}}}


def visual(job: Job, **more: Any) -> dict[str, Any]:
    return {"clip": {"visual": {"modelName": job.model, **more}}}


@calls.gives("text", "`textual`, after `/ping`")
def texts(job: Job) -> Rows:
    with urllib.request.urlopen(f"{job.address}/ping") as answer:
        assert answer.read() == b"pong"
    return [vector(predict(job, textual(job), words(text))) for text in job.texts]


@calls.gives("first text", "with a language")
def text_with_language(job: Job) -> Rows:
    entries = textual(job, options={"language": "en-GB"})
    return [vector(predict(job, entries, words(job.texts[0])))]


@calls.gives("image", "`visual`")
def images(job: Job) -> Rows:
    answers = [predict(job, visual(job), blob(path)) for path in job.pictures]
    assert all(one["imageHeight"] > 0 and one["imageWidth"] > 0 for one in answers)
    return [vector(one) for one in answers]


@calls.raises(Refused, "model", "^4.*ViT-B-16-SigLIP__webli.*bundled")
def unknown_model(job: Job) -> object:
    return predict(job, visual(job, modelName="ViT-B-16-SigLIP__webli"), blob(job.pictures[0]))


@calls.raises(Refused, "image", "^422.*truncated")
def broken_image(job: Job) -> object:
    return predict(job, visual(job), blob(job.broken))


@calls.raises(Refused, "faces", "^4.*facial-recognition")
def faces(job: Job) -> object:
    options = {"modelName": "buffalo_l", "options": {"minScore": 0.7}}
    entries = {"facial-recognition": {"detection": options, "recognition": options}}
    return predict(job, entries, blob(job.pictures[0]))


if __name__ == "__main__":
    calls.main()

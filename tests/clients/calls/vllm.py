"""The chat form of vLLM: all messages are one embedding."""

from __future__ import annotations

from typing import Any

from tests.clients.calls.by_hand import Refused, post_json
from tests.clients.job import Calls, Job, Rows, data_uri

calls = Calls()


def embed(job: Job, *parts: dict[str, Any], **more: Any) -> Rows:
    body = {
        "model": job.model,
        "messages": [{"role": "user", "content": list(parts)}],
        "encoding_format": "float",
        **more,
    }
    (one,) = post_json(f"{job.address}/v1/embeddings", body)["data"]
    return [one["embedding"]]


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def image(uri: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": uri}}


@calls.gives("first text", "a part")
def one_text(job: Job) -> Rows:
    return embed(job, text(job.texts[0]))


@calls.gives("first text", "a message of words")
def message(job: Job) -> Rows:
    return embed(job, messages=[{"role": "user", "content": job.texts[0]}])


@calls.gives("first image", "a part")
def one_image(job: Job) -> Rows:
    return embed(job, image(job.data_uris()[0]))


@calls.gives("mixed", "image and text in one message")
def mixed(job: Job) -> Rows:
    return embed(job, image(job.data_uris()[0]), text(job.texts[0]))


@calls.raises(Refused, "model", "^404.*no-such-model.*bundled")
def unknown_model(job: Job) -> object:
    return embed(job, text("a"), model=job.unknown)


@calls.raises(Refused, "image", r"^422.*messages\[0\]\.content\[1\].*truncated")
def broken_image(job: Job) -> object:
    return embed(job, text("a"), image(data_uri(job.broken)))


@calls.raises(Refused, "input", r"^422.*messages\[0\]\.content\[0\]")
def unknown_input(job: Job) -> object:
    return embed(job, {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}})


if __name__ == "__main__":
    calls.main()

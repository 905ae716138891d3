"""`/v1/about`: commands that reach this very collection from a shell."""

from __future__ import annotations

from fastapi import APIRouter, Request

from mmembed.config.commands import PICTURES, command, own_version
from mmembed.config.settings import expanded
from mmembed.server.answer_shapes import AboutAnswer
from mmembed.server.openapi import described
from mmembed.server.request_bodies import settings_of

router = APIRouter(tags=["operations"])


@router.get("/v1/about")
@described(
    answer={
        "version": "0.1.0",
        "program": "mmembed",
        "index": "mmembed index ~/Pictures --data ~/photos",
        "index_folders": ["/pictures"],
    }
)
def about(request: Request) -> AboutAnswer:
    """The commands that the page shows, ready to be copied."""
    settings = settings_of(request)
    return AboutAnswer(
        version=own_version(),
        program=command(anywhere=True),
        index=command("index", PICTURES, folder=settings.data, anywhere=True),
        index_folders=[str(expanded(one, "index_folders")) for one in settings.index_folders],
    )

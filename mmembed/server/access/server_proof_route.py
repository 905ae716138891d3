"""`/v1/proof`: see `mmembed.server.access.server_proof`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from mmembed.server.access.server_proof import PATH, proof_of

router = APIRouter()


@router.get(PATH, include_in_schema=False)
async def prove(
    request: Request, nonce: Annotated[str, Query(min_length=16, max_length=128)]
) -> dict[str, str]:
    """Answered without a key: clients ask for the proof before they send a key."""
    return {"proof": proof_of(request.app.state.secret, nonce, request.scope["server"][1])}

"""Who may ask, where keys are set: programs send one with each request, the page once.

The page cannot put a header into its `<img>`s, so that it changes the key for a cookie. No
script can read that, other sites' pages do not get it sent along, and the guard turns away
what they would change.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from http.cookies import CookieError, SimpleCookie

from fastapi import APIRouter, Request, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from mmembed.server.bodies import JsonBody, collection_of, parse
from mmembed.server.failures import answer
from mmembed.server.openapi import takes
from mmembed.server.schemas import SessionRequest

router = APIRouter(tags=["operations"])

COOKIE = "mmembed_session"
SESSION = "/v1/session"
OPEN = frozenset({"/", "/docs", "/health", "/v1/health", "/ready", "/ping", SESSION})
"""Asked for by monitors, and by the page before a person gave the key."""
OPEN_FOLDER = "/static/"
MISSING = (
    "a key is needed: send Authorization: Bearer KEY, or X-API-Key: KEY, with one of the "
    "server's MMEMBED_API_KEYS"
)
WRONG = "the key is not one of the server's MMEMBED_API_KEYS"


class Keys:
    """ASGI middleware; answers 401 itself, before a body is read."""

    def __init__(self, app: ASGIApp, *, keys: Sequence[str]) -> None:
        self.app = app
        self._keys = keys
        self._sessions = [session_of(key) for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self._admits(headers):
            await self.app(scope, receive, send)
            return
        await _refusal(MISSING if _key_in(headers) is None else WRONG)(scope, receive, send)

    def _admits(self, headers: Headers) -> bool:
        key = _key_in(headers)
        if key is not None:
            return is_among(key, self._keys)
        session = _session_in(headers)
        return session is not None and is_among(session, self._sessions)


@router.post(SESSION, status_code=204, openapi_extra=takes(SessionRequest))
def open_session(request: Request, body: JsonBody) -> Response:
    """Change a key for a cookie, as the page does: browsers send it along with pictures."""
    settings = collection_of(request).settings
    keys = settings.api_keys
    asked = parse(body, SessionRequest, settings)
    if keys and not is_among(asked.key, keys):
        return _refusal(WRONG)
    response = Response(status_code=204)
    if keys:
        response.set_cookie(
            COOKIE,
            session_of(asked.key),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
    return response


def session_of(key: str) -> str:
    """What the cookie holds: proves the key without being it, and ends when the key does."""
    return hmac.new(key.encode(), b"mmembed session", hashlib.sha256).hexdigest()


def is_among(given: str, known: Iterable[str]) -> bool:
    """Whether a secret is one of those known, in a time that tells nothing of any of them:
    all are compared, and as digests, which are of one length."""
    digest = _digest(given)
    equal = [hmac.compare_digest(digest, _digest(one)) for one in known]
    return any(equal)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_FOLDER)


def _key_in(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key")


def _session_in(headers: Headers) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value


def _refusal(message: str) -> Response:
    """A body that was not read makes the connection useless for the next request."""
    headers = {"WWW-Authenticate": "Bearer", "Connection": "close"}
    return answer(401, message, "Unauthorized", headers=headers)

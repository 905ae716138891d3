"""Checks keys, if keys are set: programs send a key with each request, the page once.

The page cannot put a header into its `<img>`s, so it changes the key for a cookie. No script can
read the cookie. Browsers do not send it along from other sites' pages, and the guard refuses
changes from there.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from http.cookies import CookieError, SimpleCookie

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from mmembed.errors import Overloaded
from mmembed.server.access.key_guessing import Guesses, digest
from mmembed.server.access.server_proof import PATH as PROOF
from mmembed.server.access.sessions import COOKIE, LONGEST_S, Sessions
from mmembed.server.error_answers import answer, answer_to
from mmembed.server.openapi import described
from mmembed.server.request_bodies import JsonBody, limits_of, parse
from mmembed.server.request_shapes import SessionRequest

router = APIRouter(tags=["operations"])

SESSION = "/v1/session"
OPEN = frozenset({"/", "/docs", "/health", "/v1/health", "/ready", "/ping", SESSION, PROOF})
"""Open to monitors, and to the page before a person gave the key."""
OPEN_FOLDER = "/static/"
MISSING = (
    "a key is needed: send Authorization: Bearer KEY, or X-API-Key: KEY, with one of the "
    "server's MMEMBED_API_KEYS"
)
WRONG = "the key is not one of the server's MMEMBED_API_KEYS"


class Access:
    """The keys of a server, their sessions, and the count of wrong keys."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys
        self.sessions = Sessions(keys)
        self.guesses = Guesses()

    async def refusal(self, scope: Scope, key: str) -> Response | None:
        """The answer to a key that is wrong or not checked; None if it is right."""
        try:
            self.guesses.check(scope, key)
        except Overloaded as error:
            return closing(answer_to(error))
        if is_among(key, self.keys):
            self.guesses.right(scope, key)
            return None
        await self.guesses.wrong(scope)
        return _refusal(WRONG)


class Keys:
    """ASGI middleware; answers 401 and 429 itself, before a body is read."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self.app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        app = await self._refusal(scope, Headers(scope=scope)) or self.app
        await app(scope, receive, send)

    async def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        key = _key_in(headers)
        if key is not None:
            return await self._access.refusal(scope, key)
        session = session_in(headers)
        known = session is not None and self._access.sessions.has(session)
        return None if known else _refusal(MISSING)


def access_of(request: Request) -> Access:
    """Identity of the server that answers."""
    access: Access = request.app.state.access
    return access


@router.post(SESSION, status_code=204)
@described(takes=SessionRequest, asked={"key": "one of MMEMBED_API_KEYS"})
async def open_session(request: Request, body: JsonBody) -> Response:
    """Change a key for a cookie, as the page does: browsers send it along with pictures."""
    access = access_of(request)
    login = await run_in_threadpool(parse, body, SessionRequest, limits_of(request))
    response = Response(status_code=204)
    if not access.keys:
        return response
    refusal = await access.refusal(request.scope, login.key)
    if refusal is not None:
        return refusal
    response.set_cookie(
        COOKIE,
        access.sessions.open(login.key),
        max_age=LONGEST_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.delete(SESSION, status_code=204)
async def end_session(request: Request) -> Response:
    """End the session of the cookie that comes along, and take the cookie back."""
    session = session_in(request.headers)
    if session is not None:
        access_of(request).sessions.end(session)
    response = Response(status_code=204)
    response.delete_cookie(
        COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return response


def is_among(given: str, known: Iterable[str]) -> bool:
    """Whether a secret is known, in a time that reveals nothing of the known secrets. All are
    compared, as digests of the same length."""
    sought = digest(given)
    equal = [hmac.compare_digest(sought, digest(secret)) for secret in known]
    return any(equal)


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_FOLDER)


def _key_in(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key")


def session_in(headers: Headers) -> str | None:
    """The session's cookie."""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if cookie is None else cookie.value


def _refusal(message: str) -> Response:
    return closing(answer(401, message, "Unauthorized", headers={"WWW-Authenticate": "Bearer"}))


def closing(response: Response) -> Response:
    """A body that was not read makes the connection useless for the next request."""
    response.headers["Connection"] = "close"
    return response

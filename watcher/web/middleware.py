"""Who may read: whoever has the token; without one, whoever asks for loopback by its own name.

Law: a token is compared in constant time. Why Basic and no cookie: docs/decisions/0006.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from watcher import model
from watcher.web.settings import LOOPBACK

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Watcher", charset="UTF-8"'}


def guarded(token: str) -> Middleware:
    """Let readers in who present the token, as a bearer token or as the password of Basic.

    Without a token, a page or a document is given only to who asks for a name of loopback: a site
    whose name was made to lead here (DNS rebinding) asks for its own.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if token:
            given = _presented(request.headers.get(hdrs.AUTHORIZATION, ""))
            if not hmac.compare_digest(given, token.encode()):
                raise RefusedError(
                    401, "a bearer token is required, or the token as a password", _CHALLENGE
                )
        elif request.path not in PLAIN and _name(request.host) not in LOOPBACK:
            raise RefusedError(
                421,
                "without [web] token this is for who asks for 127.0.0.1 or localhost:"
                " set a token to read it by another name",
            )
        return await handler(request)

    return guard


def _presented(authorization: str) -> bytes:
    """Read the token that came with a request; empty when there is none that can be read."""
    scheme, _, rest = authorization.partition(" ")
    given = rest.strip().encode("utf-8", "surrogateescape")
    match scheme.casefold():
        case "bearer":
            return given
        case "basic":
            try:
                return base64.b64decode(given, validate=True).partition(b":")[2]
            except binascii.Error:
                return b""
        case _:
            return b""


def _name(host: str) -> str:
    """Take the name out of a Host header; empty when it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


PLAIN = frozenset({"/healthz", "/readyz", "/metrics"})  # read by programs, as they always were
READERS = 2  # at a time: the loops never wait for a connection that readers hold
PATIENCE_SECONDS = 10.0

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    hdrs.CACHE_CONTROL: "no-store",
}
_NOWHERE = "there is nothing at this address"


class RefusedError(Exception):
    """A request gets this status and this sentence, and no more."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


class Turns:
    """Lets a few readers at a time ask the store."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(READERS)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it. Raises TemporaryError after PATIENCE_SECONDS."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._free:
                yield
        except TimeoutError as error:
            raise model.TemporaryError(
                f"the database has not answered for {PATIENCE_SECONDS:g} s"
            ) from error


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every answer has, unless its handler knows better."""
    del request
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def spoken(page: Callable[[int, str], str]) -> Middleware:
    """Make a sentence of what went wrong; `page` writes one for people, from status and words."""

    @web.middleware
    async def speak(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusedError as error:
            refused = error
        except model.WatcherError as error:
            refused = RefusedError(503, str(error))
        except web.HTTPMethodNotAllowed as error:
            allowed = ", ".join(sorted(error.allowed_methods))
            refused = RefusedError(405, "this can only be read", {hdrs.ALLOW: allowed})
        except web.HTTPNotFound:
            refused = RefusedError(404, _NOWHERE)
        return _said(request.path, refused, page)

    return speak


def json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Answer a program."""
    return web.Response(
        status=status,
        body=body if isinstance(body, bytes) else msgspec.json.encode(body),
        content_type="application/json",
        headers=headers,
    )


def html(text: str, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Answer a person."""
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def _said(path: str, refused: RefusedError, page: Callable[[int, str], str]) -> web.Response:
    status, sentence, headers = refused.status, str(refused), refused.headers
    if path.startswith("/api/"):
        return json({"error": sentence}, status, headers)
    if path in PLAIN or status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.MISDIRECTED_REQUEST}:
        return web.Response(status=status, text=sentence, headers=headers)
    return html(page(status, sentence), status, headers)

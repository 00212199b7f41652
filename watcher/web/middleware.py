"""What every HTTP request passes through: access, security headers, and errors as sentences.

A token is compared in constant time. Without a token, only requests that name a loopback host are
answered. Why Basic and no cookie: docs/decisions/0006.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import hmac
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from watcher import model
from watcher.backoff import Backoff
from watcher.logs import LimitedLog
from watcher.web.settings import LOOPBACK

Result = TypeVar("Result")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Watcher", charset="UTF-8"'}


def require_token(token: str, lines: LimitedLog) -> Middleware:
    """Require `token`, as a bearer token or as the password of HTTP Basic.

    A wrong one is answered late, the later the more of them a peer has tried, and logged.

    Without a token, pages and documents are served only when the Host header names loopback. That
    stops DNS rebinding, where a foreign site's name resolves to this address.
    """
    wrong_tokens = _WrongTokens()

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        if token:
            given = _token_in(request.headers.get(hdrs.AUTHORIZATION, ""))
            if not hmac.compare_digest(given, token.encode()):
                if given:
                    lines.warning("wrong token", listener="board", peer=request.remote)
                    await asyncio.sleep(wrong_tokens.delay(request.remote or ""))
                raise HttpError(
                    401, "a bearer token is required, or the token as a password", _CHALLENGE
                )
        elif request.path not in PROBE_PATHS and _host_in(request.host) not in LOOPBACK:
            raise HttpError(
                421,
                "without [web] token only requests for 127.0.0.1 or localhost are answered:"
                " set a token to use another name",
            )
        return await handler(request)

    return handle


class _WrongTokens:
    """How many wrong tokens each peer has tried; the oldest peers are forgotten."""

    def __init__(self) -> None:
        self._tried: dict[str, int] = {}

    def delay(self, peer: str) -> float:
        """Count one more; return for how many seconds its answer waits."""
        tried = self._tried.pop(peer, 0) + 1
        self._tried[peer] = tried  # the newest come last
        if len(self._tried) > MOST_PEERS:
            del self._tried[next(iter(self._tried))]
        return WRONG_TOKEN.delay(tried)


def _token_in(authorization: str) -> bytes:
    """Return the token in an Authorization header; empty when it holds none."""
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


def _host_in(host: str) -> str:
    """Return the name in a Host header; empty when it is not a valid one."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


PROBE_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})  # for programs: plain text
MOST_PEERS = 1_000  # whose wrong tokens are counted
WRONG_TOKEN = Backoff(first=0.25, longest=8.0)  # seconds
LARGE_BODIES = 4  # being sent at a time
READERS = 2  # at a time, so that the daemon's own loops never wait for a database connection
READ_TIMEOUT_SECONDS = 10.0

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    hdrs.CACHE_CONTROL: "no-store",
}
_NO_SUCH_ADDRESS = "there is nothing at this address"


class HttpError(Exception):
    """Answers a request with this status and this sentence."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


class BodyLimit:
    """Lets at most LARGE_BODIES be sent at a time, as each is in memory until it is taken."""

    def __init__(self) -> None:
        self._free = LARGE_BODIES

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the slots, from reading a body until it is sent. Raises HttpError."""
        if not self._free:
            raise HttpError(503, "too many reports are being sent", {hdrs.RETRY_AFTER: "10"})
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


class ReadLimit:
    """Lets at most READERS requests read the store at a time."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(READERS)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one of the slots. Raises TemporaryError after READ_TIMEOUT_SECONDS of waiting."""
        try:
            async with asyncio.timeout(READ_TIMEOUT_SECONDS), self._free:
                yield
        except TimeoutError as error:
            raise model.TemporaryError(
                f"the database has not answered for {READ_TIMEOUT_SECONDS:g} s"
            ) from error


class Readings(Generic[Result]):
    """Readings that are under way: who asks for the same joins it, and who leaves does not end it.

    A reading that takes longer than an answer may would never end otherwise, however often one
    asks for it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._under_way: dict[Hashable, asyncio.Task[Result]] = {}

    async def join(
        self, key: Hashable, begin: Callable[[], Coroutine[object, object, Result]]
    ) -> Result:
        """Return what the reading of `key` gives that is under way, or one that begins now."""
        reading = self._under_way.get(key)
        if reading is None:
            reading = self._under_way[key] = asyncio.create_task(begin(), name=self._name)
            reading.add_done_callback(functools.partial(self._end, key))
        return await asyncio.shield(reading)

    def _end(self, key: Hashable, reading: asyncio.Task[Result]) -> None:
        del self._under_way[key]
        if not reading.cancelled():
            reading.exception()  # who asked may have left meanwhile

    async def stop(self, _: web.Application) -> None:
        """End what is under way: the daemon stops."""
        readings = list(self._under_way.values())
        for reading in readings:
            reading.cancel()
        await asyncio.gather(*readings, return_exceptions=True)


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers that the handler has not set itself."""
    del request
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def describe_errors(page: Callable[[int, str], str]) -> Middleware:
    """Answer errors with a sentence; `page` renders it for people, from status and sentence."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except HttpError as refused:
            error = refused
        except model.WatcherError as failure:
            error = HttpError(503, str(failure))
        except web.HTTPMethodNotAllowed as refused:
            allowed = ", ".join(sorted(refused.allowed_methods))
            error = HttpError(405, "read-only: this method is not allowed", {hdrs.ALLOW: allowed})
        except web.HTTPNotFound:
            error = HttpError(404, _NO_SUCH_ADDRESS)
        return _error_response(request.path, error, page)

    return handle


def json_response(
    body: object, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Return an answer for programs: `body` as JSON, or bytes that are JSON already."""
    return web.Response(
        status=status,
        body=body if isinstance(body, bytes) else msgspec.json.encode(body),
        content_type="application/json",
        headers=headers,
    )


def problem(status: int, sentence: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return an error for programs: a problem document (RFC 9457); `error` is its older name."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(
            {
                "type": "about:blank",
                "title": HTTPStatus(status).phrase,
                "status": status,
                "detail": sentence,
                "error": sentence,
            }
        ),
        content_type="application/problem+json",
        headers=headers,
    )


def html_response(
    text: str, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Return an answer for people."""
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def _error_response(path: str, error: HttpError, page: Callable[[int, str], str]) -> web.Response:
    status, sentence, headers = error.status, str(error), error.headers
    if path.startswith("/api/"):
        return problem(status, sentence, headers)
    if path in PROBE_PATHS or status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.MISDIRECTED_REQUEST}:
        return web.Response(status=status, text=sentence, headers=headers)
    return html_response(page(status, sentence), status, headers)

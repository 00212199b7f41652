"""Who may read: whoever has the token; without one, whoever asks for loopback by its own name.

Law: a token is compared in constant time. Why Basic and no cookie: docs/decisions/0006.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from watcher.web import answers
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
                raise answers.RefusedError(
                    401, "a bearer token is required, or the token as a password", _CHALLENGE
                )
        elif request.path not in answers.PLAIN and _name(request.host) not in LOOPBACK:
            raise answers.RefusedError(
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

"""One HTTP exchange: send, receive up to a cap, and put what went wrong into our words.

Everything that Watcher asks of others goes through here: vendors, Slack, webhooks, the heartbeat.

Law: a redirect is never followed, because it would carry credentials to another address. No more
than a cap is read, counted after decompression. No error repeats a secret that was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct
from multidict import CIMultiDictProxy
from yarl import URL

from watcher import model, system_words, text
from watcher.http.redaction import Redactor, parts_of, secrets_in

MEGABYTE = 1_000_000

# What decoding raises on bad input; syntax, types and encoding are all ValueErrors.
MALFORMED = (ValueError, RecursionError)


LONG = 250_000  # bytes, which take some 5 ms to decode and to read through
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


class TimedOutError(model.TemporaryError):
    """No whole answer came in time; asking again at once would double the wait."""


class UnsentError(model.TemporaryError):
    """No connection came about, so the other side knows nothing of the request."""


class Reply(Struct, frozen=True, kw_only=True):
    """What came back. `place` is verb and address without the query, for error messages.

    `redact` blots out what was sent as a secret, which the other side may repeat.
    """

    place: str
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    redact: Callable[[str], str] = str


def open_session() -> aiohttp.ClientSession:
    """Open the one session that all clients share. It keeps no cookies; close it last.

    aiohttp would repeat a PUT by itself when its connection breaks, and has no setting for that.
    """
    session = aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "watcher"},
        middlewares=(_refuse_redirects,),
    )
    session._retry_connection = False  # noqa: SLF001  # a change that costs money leaves once
    return session


async def _refuse_redirects(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Refuse what would redirect a WebSocket: aiohttp has no setting for that."""
    response = await handler(request)
    if "Upgrade" in request.headers and response.status != 101:
        response.close()
        raise aiohttp.ClientConnectionError(f"the server answered {response.status}")
    return response


async def exchange(
    session: aiohttp.ClientSession,
    verb: str,
    url: URL,
    *,
    headers: Mapping[str, str],
    within: float,
    cap: int,
    content: Mapping[str, str] | bytes | None = None,
    place: str = "",
    hide_url: bool = False,
    secrets: Iterable[str] = (),
) -> Reply:
    """Send one request and return its reply, whatever its status, `within` seconds.

    `content` is a form, or bytes whose type is in the headers. A `cap` of 0 leaves the body unread.
    Errors name `place`. `hide_url` is for an address that holds a secret: nobody can tell which
    part of it. Each part, `secrets` and the credentials of the Authorization header are blotted out
    wherever the answer repeats them.

    Only the headers given are sent, beside Host, User-Agent and Accept-Encoding: aiohttp's own
    `Accept: */*` makes ws.lumen.com answer 406. Raises TemporaryError (TimedOutError when
    it is too late, UnsentError without a connection) when no whole answer of at most `cap` bytes
    arrives.
    """
    hidden = parts_of(url) if hide_url else ()
    redact = Redactor((*secrets, *hidden, *secrets_in(headers.get("Authorization", ""))))
    place = place or f"{verb} {url.with_query(None).with_fragment(None)}"
    try:
        async with session.request(
            verb,
            url,
            headers=headers,
            data=content,
            allow_redirects=False,
            skip_auto_headers=("Accept",),
            timeout=aiohttp.ClientTimeout(total=within),
        ) as response:
            body = await _read(response, place, cap) if cap else b""
            return Reply(
                place=place,
                status=response.status,
                headers=response.headers,
                body=body,
                redact=redact,
            )
    except TimeoutError as error:
        raise TimedOutError(f"{place} did not answer completely within {within:g} s") from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise UnsentError(
            f"{place}: the server's certificate is not trusted: {error.certificate_error}"
        ) from error
    except aiohttp.ClientConnectorError as error:
        reason = system_words.of_error(error.os_error)
        raise UnsentError(f"{place}: cannot connect: {reason}") from error
    except aiohttp.ClientResponseError as error:
        raise model.TemporaryError(
            f"{place} sent an invalid HTTP response: {text.clean(redact(error.message))}"
        ) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        words = system_words.of_error(error) if isinstance(error, OSError) else str(error)
        reason = text.clean(redact(words)) or type(error).__name__
        raise model.TemporaryError(f"{place}: the response broke off: {reason}") from error


def parse_object(reply: Reply) -> dict[str, Any]:
    """Decode a JSON object. Raises TemporaryError for an empty, truncated, HTML or other body."""
    try:
        data = msgspec.json.decode(reply.body)
    except MALFORMED as error:
        raise model.TemporaryError(
            f"{reply.place} answered {reply.status} with {describe_body(reply.body)}"
        ) from error
    if not isinstance(data, dict):
        raise model.TemporaryError(
            f"{reply.place} answered {reply.status} with JSON that is not an object"
        )
    return data


def parse_listing(reply: Reply, key: str) -> dict[str, Any]:
    """Decode a JSON object as `parse_object` does, and the items of its list `key` one by one.

    One call for a long reply would keep Python's lock. Raises TemporaryError.
    """
    if not is_long(reply):
        return parse_object(reply)
    try:
        parts = _PARTS.decode(reply.body)
        items = [msgspec.json.decode(item) for item in _ITEMS.decode(parts.pop(key))]
        return {**{name: msgspec.json.decode(part) for name, part in parts.items()}, key: items}
    except (KeyError, *MALFORMED):
        return parse_object(reply)  # which says what is wrong with it


def is_long(reply: Reply) -> bool:
    """Return whether reading a reply takes so long that a thread is to do it."""
    return len(reply.body) > LONG


def describe_body(body: bytes) -> str:
    """Return what a body that is not JSON looks like."""
    start = body.lstrip()[:1]
    if not start:
        return "an empty body"
    if start == b"<":
        return "an HTML page instead of JSON"
    return "broken or truncated JSON" if start in b"{[" else "something that is not JSON"


async def _read(response: aiohttp.ClientResponse, place: str, cap: int) -> bytes:
    body = bytearray()
    announced = response.content_length or 0
    async for chunk in response.content.iter_any():
        body += chunk
        if max(announced, len(body)) > cap:
            response.close()  # do not drain what is left of it
            raise model.TemporaryError(f"{place} answered with more than {cap / MEGABYTE:g} MB")
    return bytes(body)

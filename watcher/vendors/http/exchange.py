"""One HTTP exchange: send, receive up to a cap, and put what went wrong into our words.

Law: a redirect is never followed, because it would carry credentials to another address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import msgspec
from multidict import CIMultiDictProxy
from yarl import URL

from watcher import model

MEGABYTE = 1_000_000

# What decoding raises on bad input; syntax, types and encoding are all ValueErrors.
MALFORMED = (ValueError, RecursionError)


class TimedOutError(model.TemporaryError):
    """No whole answer came in time; asking again at once would double the wait."""


class UnsentError(model.TemporaryError):
    """No connection came about, so the other side knows nothing of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back. `place` is verb and address without the query, for error messages."""

    place: str
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


def open_session() -> aiohttp.ClientSession:
    """Open the one session that all vendor clients share. It keeps no cookies; close it last.

    aiohttp would repeat a PUT by itself when its connection breaks, and has no setting for that.
    """
    session = aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "watcher"}
    )
    session._retry_connection = False  # noqa: SLF001 - a change that costs money leaves once
    return session


async def exchange(
    session: aiohttp.ClientSession,
    verb: str,
    url: URL,
    *,
    headers: Mapping[str, str],
    within: float,
    cap: int,
    content: Mapping[str, str] | bytes | None = None,
) -> Reply:
    """Send one request and return its reply, whatever its status, `within` seconds.

    `content` is a form, or bytes whose type is in the headers.

    Only the headers given are sent, beside Host, User-Agent and Accept-Encoding: aiohttp's own
    `Accept: */*` makes ws.lumen.com answer 406. Raises TemporaryError (TimedOutError when
    it is too late, UnsentError without a connection) when no whole answer of at most `cap` bytes
    arrives.
    """
    place = f"{verb} {url.with_query(None).with_fragment(None)}"
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
            body = await _read(response, place, cap)
            return Reply(place=place, status=response.status, headers=response.headers, body=body)
    except TimeoutError as error:
        raise TimedOutError(f"{place} did not answer completely within {within:g} s") from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise UnsentError(
            f"{place}: the server's certificate is not trusted: {error.certificate_error}"
        ) from error
    except aiohttp.ClientConnectorError as error:
        reason = error.os_error.strerror or str(error.os_error)
        raise UnsentError(f"{place}: cannot connect: {reason}") from error
    except aiohttp.ClientResponseError as error:
        raise model.TemporaryError(
            f"{place} sent an invalid HTTP response: {error.message}"
        ) from error
    except aiohttp.ClientError as error:
        reason = str(error) or type(error).__name__
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


def parse_time(*candidates: object) -> datetime | None:
    """Parse the first candidate that is an ISO 8601 time; None when no candidate is.

    A time without an offset is taken to be UTC. Digits alone are not a time, though some of them
    can be read as one: 1712011200000 is April 2024 in milliseconds, and not a day in 1712.
    """
    for candidate in candidates:
        if not isinstance(candidate, str) or candidate.strip().isdigit():
            continue
        try:
            moment = datetime.fromisoformat(candidate.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def parse_http_date(text: str) -> datetime | None:
    """Parse an HTTP date (RFC 9110, 5.6.7); None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_vendor_time(root: dict[str, Any], reply: Reply) -> datetime | None:
    """Return when the vendor made this reply; its field may be in one of four places."""
    data = root.get("data")
    inner = data if isinstance(data, dict) else {}
    return parse_time(
        inner.get("time"), inner.get("timestamp"), root.get("time"), root.get("timestamp")
    ) or parse_http_date(reply.headers.get("Date", ""))

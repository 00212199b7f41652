"""HTTP without sockets: stands in for aiohttp's session, as far as watcher.http uses it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

JSON: Mapping[str, str] = {"Content-Type": "application/json"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a server sees; `arguments` are its form, its JSON object, or its bytes as `content`."""

    verb: str
    url: URL
    arguments: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Answer:
    """What a server says."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Server = Callable[[Request], Awaitable[Answer]]


class Counting(Protocol):
    """Sees each call."""

    def leaves(self, request: Request) -> None:
        """See one leave."""

    def arrives(self, request: Request, answer: Answer) -> None:
        """See its answer arrive."""


def answer_json(
    document: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return an answer with a JSON document."""
    body = json.dumps(document).encode()
    all_headers = {**JSON, **(headers or {})}
    return Answer(status=status, body=body, headers=all_headers)


class Session:
    """A session whose hosts are `servers`."""

    def __init__(
        self, servers: Mapping[str, Server], calls: Counting, ws_connect: Any = None
    ) -> None:
        self._servers = servers
        self._calls = calls
        self.ws_connect = ws_connect

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    def request(
        self, verb: str, url: URL, *, headers: Mapping[str, str], data: Any = None, **_: Any
    ) -> _Exchange:
        """Send a request to the server of its host."""
        if headers.get("Content-Type") == "application/octet-stream":
            data = {"content": data}
        elif isinstance(data, bytes):
            data = json.loads(data)
        arguments = dict(data or {})
        request = Request(verb=verb, url=url, arguments=arguments, headers=headers)
        return _Exchange(self._servers[url.host or ""], request, self._calls)


class _Exchange:
    def __init__(self, server: Server, request: Request, calls: Counting) -> None:
        self._server = server
        self._request = request
        self._calls = calls

    async def __aenter__(self) -> _Response:
        self._calls.leaves(self._request)
        answer = await self._server(self._request)
        self._calls.arrives(self._request, answer)
        return _Response(answer)

    async def __aexit__(self, *_: object) -> None:
        """The connection is not kept."""


class _Response:
    def __init__(self, answer: Answer) -> None:
        self._body = answer.body
        self.status = answer.status
        self.headers = CIMultiDictProxy(CIMultiDict(answer.headers))
        self.content_length = len(answer.body)
        self.content = self

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self._body

    def close(self) -> None:
        """Nothing is open."""


class HungUpError(aiohttp.ClientConnectionError):
    """The server closed the connection without an answer."""

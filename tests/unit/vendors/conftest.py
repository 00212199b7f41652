"""A vendor on loopback that answers whatever a test hands it, and an account to ask it with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stamina
from aiohttp import web

from tests.servers.ports import free_port
from watcher.http import exchange
from watcher.vendors import settings
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.http.api import VendorApi

FIXTURES = Path(__file__).parents[2] / "data"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.seconds = 1_000.0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.seconds


class CallCounter:
    """Counts in memory what the store counts in a table."""

    def __init__(self) -> None:
        self.spent: dict[tuple[str, str], int] = {}

    async def spend(self, account: str, month: str, budget: int) -> bool:
        if self.spent.get((account, month), 0) >= budget:
            return False
        self.spent[account, month] = self.spent.get((account, month), 0) + 1
        return True


class Vendor:
    """A real HTTP server. `answer` may be replaced at any time; `asked` are the requests so far."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[web.Request] = []
        self.tokens = 0
        self.token_answer: Handler = self._token
        self.answer: Handler = self._nothing

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/oauth/v2/token":
            self.tokens += 1
            return await self.token_answer(request)
        self.asked.append(request)
        return await self.answer(request)

    def replies(self, **reply: object) -> None:
        """Answer each request with `web.Response(**reply)`."""

        async def answer(request: web.Request) -> web.Response:
            return web.Response(**reply)  # a test's own words

        self.answer = answer

    def replies_in_turn(self, *responses: Callable[[], web.StreamResponse]) -> None:
        """Answer with one after the other; the last one stays."""
        left = list(responses)

        async def answer(request: web.Request) -> web.StreamResponse:
            return (left.pop(0) if len(left) > 1 else left[0])()

        self.answer = answer

    async def _token(self, request: web.Request) -> web.Response:
        return web.json_response({"access_token": f"token-{self.tokens}", "expires_in": 3600})

    async def _nothing(self, request: web.Request) -> web.Response:
        return web.Response(status=404)


@pytest.fixture
async def vendor():
    server = Vendor()
    app = web.Application(client_max_size=10**8)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def raw_vendor():
    """Start a TCP server that runs a test's own coroutine for each connection."""
    servers: list[asyncio.Server] = []

    async def start(talk) -> str:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def session():
    opened = exchange.open_session()
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def call_counter() -> CallCounter:
    return CallCounter()


@pytest.fixture(autouse=True)
def no_waits():
    """Keep stamina's count of attempts, and drop its waits."""
    with stamina.set_testing(testing=True, attempts=3, cap=True):
        yield


@pytest.fixture
def mpa_account() -> settings.MpaAccount:
    return settings.MpaAccount(
        kind="mpa", key_id="K1", secret="example-secret", calls_per_second=10_000
    )


@pytest.fixture
def oauth2_account(vendor) -> settings.OAuth2Account:
    return settings.OAuth2Account(
        kind="oauth2",
        token_url=f"{vendor.url}/oauth/v2/token",
        client_id="app-1",
        client_secret="hush-hush",
        calls_per_second=10_000,
    )


@pytest.fixture
def connect(vendor, session, clock, call_counter):
    """Build an Api on the vendor, with the given account."""

    def build(account=None, *, name="main", url="", seconds=5.0, **options) -> VendorApi:
        opened = VendorAccount(name if account else "", account, session, clock, call_counter)
        return VendorApi(opened, url or vendor.url, timeout=timedelta(seconds=seconds), **options)

    return build


@pytest.fixture
def fixture_bytes():
    """Read a recorded reply."""
    return lambda name: (FIXTURES / name).read_bytes()


@pytest.fixture
def unused_port() -> int:
    return free_port()

"""Everything over HTTP on loopback, before a library in memory."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.fakes import sample_data
from watcher.ledger import document, ledger
from watcher.web import server
from watcher.web.settings import Web


@dataclass(kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        assert re.match(r"application/(problem\+)?json", self.headers["Content-Type"])
        return json.loads(self.body)


@dataclass(kw_only=True)
class Site:
    """What is served, asked as a browser or a program would."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        """Ask for a path exactly as it is written."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, URL(f"{self.url}{path}", encoded=True), headers=headers
            ) as response,
        ):
            return Answer(
                status=response.status, headers=response.headers, body=await response.read()
            )


@pytest.fixture
def reader():
    return sample_data.InMemoryReader()


@pytest.fixture
def clock():
    return sample_data.FakeClock()


async def nothing_recorded(period):
    return document.document(ledger.Ledger(start=period.start, end=period.end), period)


async def nothing_between(start, end, summarise):
    return summarise(ledger.Ledger(start=start, end=end))


def parts(reader, listings=None, **others):
    """What is served besides: who reads the store, the rules, and the past."""
    usual = {
        "reader": reader,
        "listings": listings or reader,
        "subjects_of": sample_data.find_subjects,
        "rules": lambda: sample_data.RULES,
        "read_ledger": nothing_recorded,
        "read_ledger_between": nothing_between,
    }
    return {**usual, **others}


@pytest.fixture
def serve(reader, clock):
    """Serve what is on the shelf: `async with serve() as site`."""

    @asynccontextmanager
    async def serving(
        *,
        stuck=lambda: "",
        ready=lambda: True,
        token="",
        reporter=None,
        **others,
    ) -> AsyncIterator[Site]:
        async with server.serve(
            Web(listen="127.0.0.1:0", token=token),
            stuck=stuck,
            ready=ready,
            reporter=reporter or sample_data.reporter(reader),
            **parts(reader, **others),
            clock=clock,
        ) as port:
            yield Site(port=port)

    return serving


@pytest.fixture
async def site(serve) -> AsyncIterator[Site]:
    async with serve() as opened:
        yield opened

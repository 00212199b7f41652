"""Health and metrics, fetched over real HTTP."""

from __future__ import annotations

import aiohttp
import pytest

from watcher import model
from watcher.metrics import Metrics
from watcher.web import server
from watcher.web.settings import Web


async def fetch(port: int, path: str, token: str = "") -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}", headers=headers) as response,
    ):
        return response.status, await response.text()


def serving(*, stuck=lambda: "", ready=lambda: True, token=""):
    metrics = Metrics(version="1", sources=["vyvx"], receivers=["noc"])

    async def exposition() -> bytes:
        return metrics.exposition()

    return server.serving(
        Web(listen="127.0.0.1:0", token=token),
        stuck=stuck,
        ready=ready,
        metrics=exposition,
    )


async def test_health_is_fine_only_while_progress_is_real():
    reasons = [""]
    async with serving(stuck=lambda: reasons[0]) as port:
        assert await fetch(port, "/healthz") == (200, "ok")
        reasons[0] = "ingest has stood still for 31 s"
        assert await fetch(port, "/healthz") == (503, "ingest has stood still for 31 s")


async def test_it_is_ready_once_the_state_is_loaded():
    async with serving(ready=lambda: False) as port:
        assert (await fetch(port, "/readyz"))[0] == 503


async def test_every_label_set_is_there_from_the_start():
    async with serving() as port:
        _, text = await fetch(port, "/metrics")
    assert 'watcher_source_polls_total{outcome="failed",source="vyvx"} 0.0' in text
    assert 'watcher_delivery_owed{receiver="noc"} 0.0' in text


async def test_a_reader_without_the_token_is_refused():
    async with serving(token="open-sesame") as port:
        assert (await fetch(port, "/metrics"))[0] == 401
        assert (await fetch(port, "/metrics", "open-sesame"))[0] == 200


async def test_an_address_in_use_is_said_in_words():
    async def nothing() -> bytes:
        return b""

    async with serving() as port:
        with pytest.raises(model.PermanentError, match="cannot listen on"):
            async with server.serving(
                Web(listen=f"127.0.0.1:{port}"),
                stuck=lambda: "",
                ready=lambda: True,
                metrics=nothing,
            ):
                pass

"""How an account does, and what it used of its month, as people and Prometheus see it."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from typer.testing import CliRunner

from tests.eventually import eventually
from tests.servers.ports import free_port
from watcher import cli, settings
from watcher.daemon import app

CONFIG = """
rules = ["rules.yaml"]

[accounts.main]
kind = "mpa"
key_id = "key"
secret = "hidden"
calls_per_month = 7

[accounts.free]
kind = "mpa"
key_id = "key"
secret = "hidden"

[sources.vyvx]
kind = "vyvx"
account = "main"
base_url = "http://127.0.0.1:1"
fast_interval = "100ms"

[web]
listen = "127.0.0.1:{port}"

[control]
socket = "c.sock"
"""


@pytest.mark.covers("http/budget", "http/circuit")
async def test_calls_used_and_a_vendor_that_does_not_answer_are_in_status_and_metrics(
    tmp_path,
):
    port = free_port()
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(port=port))
    (tmp_path / "rules.yaml").write_text("rules: [{name: blind, source: vyvx, blind: 5m}]")
    stop = asyncio.Event()

    async def status(*more: str) -> str:
        words = ["status", "--config", str(config), *more]
        done = await asyncio.to_thread(CliRunner().invoke, cli.program, words)
        assert done.exit_code == 0, done.output
        return done.stdout

    async def used() -> int:
        account, free = json.loads(await status("--json"))["accounts"]
        assert (account["account"], free["account"], free["calls_per_month"]) == ("main", "free", 0)
        assert account["calls_per_month"] == 7
        assert account["calls"] > 0
        return account["calls"]

    async def exposed(metric: str) -> float:
        async with aiohttp.ClientSession() as session:
            reply = await session.get(f"http://127.0.0.1:{port}/metrics")
            for line in (await reply.text()).splitlines():
                if line.startswith(f'{metric}{{account="main"}} '):
                    return float(line.split()[1])
        raise LookupError(metric)

    async def failing() -> str:
        (line,) = [line for line in (await status()).splitlines() if "failing  GET" in line]
        return line

    async with asyncio.TaskGroup() as group:
        group.create_task(app.run(settings.load(config), stop=stop))
        try:
            calls = await eventually(used)
            assert "of 7 calls used in " in await status()
            assert await exposed("watcher_account_calls") >= calls
            assert (await eventually(failing)).startswith("main ")
            assert await exposed("watcher_account_failing") == 1
        finally:
            stop.set()

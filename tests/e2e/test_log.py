"""The log of one incident, from its begin to its end, as `journalctl -o cat` shows it."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from typer.testing import CliRunner

from tests.e2e.conftest import OFFLINE, ONLINE
from tests.eventually import eventually
from watcher import cli

pytestmark = pytest.mark.broker


async def test_an_incident_can_be_followed_by_its_fields_and_nothing_is_said_twice(
    world, daemon, home
):
    async with daemon() as running:

        async def lines(event: str, count: int = 1) -> list[dict]:
            parsed = [json.loads(line) for line in running.log.read_text().splitlines()]
            shown = [line for line in parsed if line["event"] == event]
            assert len(shown) >= count
            return shown

        await world.change(vyvx=OFFLINE)
        (opened,) = await eventually(lambda: lines("incident opened"))
        ack = ["ack", opened["incident"], "--by", "ada", "--config", str(home / "config.toml")]
        done = await asyncio.to_thread(CliRunner().invoke, cli.program, ack)
        assert done.exit_code == 0, done.output
        await eventually(lambda: lines("incident acknowledged"))
        await world.change(vyvx=ONLINE)
        await eventually(lambda: lines("incident resolved"))
        assert await running.stop() == 0
        written = running.log.read_text().splitlines()
        log = [json.loads(line) for line in written]

    assert all(line.startswith('{"event": ') for line in written)  # as a person reads it
    of_it = [line for line in log if line.get("incident") == opened["incident"]]
    for line in of_it:
        assert (line["rule"], line["subject"]) == ("vyvx-service-down", "vyvx/1234567")
    events = [line["event"] for line in of_it if line["event"].startswith("incident")]
    assert events == ["incident opened", "incident acknowledged", "incident resolved"]
    notified = [line for line in of_it if line["event"] == "receiver notified"]
    assert {line["receiver"] for line in notified} == {"noc", "mqtt"}
    without_time = [json.dumps({**line, "timestamp": ""}) for line in log]
    assert len(without_time) == len(set(without_time))
    config = (home / "config.toml").read_text()
    secrets = re.findall(r'(?:secret|client_secret|bot_token) = "([^"]+)"', config)
    assert len(secrets) == 3
    assert not [secret for secret in secrets if secret in str(log)]

"""A drill as a person has it: the verb, a running daemon, Slack, a broker, and a dead webhook."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from typer.testing import CliRunner

from tests.eventually import eventually
from watcher import cli

pytestmark = pytest.mark.broker


async def drill(home, *words: str) -> tuple[int, str]:
    config = str(home / "config.toml")
    asked = ["drill", "--by", "ada", "--config", config, *words]
    done = await asyncio.to_thread(CliRunner().invoke, cli.program, asked)
    return done.exit_code, done.stdout


async def status(home) -> list[str]:
    asked = ["status", "--config", str(home / "config.toml")]
    done = await asyncio.to_thread(CliRunner().invoke, cli.program, asked)
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


async def test_every_receiver_is_notified_of_a_drill_and_it_counts_as_no_incident(
    world, daemon, home, subscribed
):
    async with subscribed() as seen, daemon():
        code, output = await drill(home)
        assert code == 0, output
        title, *lines = output.splitlines()
        incident = title.partition(":")[0]
        assert title == f"{incident}: DRILL: nothing is wrong"
        assert sorted(re.sub(r"\d+\.\d s", "T", line) for line in lines) == [
            "ok    mqtt: notified after T",
            "ok    noc: notified after T",
        ]

        (parent,) = await world.parents()
        assert "DRILL: nothing is wrong" in parent["text"]
        assert "<!here>" not in json.dumps(parent)
        assert incident in json.dumps(parent)

        async def published() -> dict:
            return seen.documents()["drill"]

        document = await eventually(published)
        assert document["id"] == incident
        assert document["flags"] == ["drill"]
        assert (document["status"], document["severity"]) == ("open", "info")
        (event,) = seen.events()
        assert (event["kind"], event["data"]) == ("opened", {"drill": True})
        assert "lumen.diagnostics" not in await world.calls()

        async def noted() -> str:
            (line,) = [line for line in await status(home) if line.startswith("drill ")]
            assert " ok, " in line
            return line

        assert (await eventually(noted)).endswith(": noc, mqtt")


async def test_a_drill_that_pages_calls_people_and_only_whom_it_names(world, daemon, home):
    async with daemon():
        code, output = await drill(home, "--receiver", "noc", "--page")
        assert code == 0, output
        assert len(output.splitlines()) == 2
        (parent,) = await world.parents()
        assert "<!here>" in json.dumps(parent)


async def test_a_failing_receiver_is_a_finding_with_its_reason(world, daemon, home):
    config = home / "config.toml"
    bridge = '\n[receivers.bridge]\nkind = "webhook"\nurl = "http://127.0.0.1:9/hook"\n'
    config.write_text(config.read_text() + bridge)
    async with daemon():
        code, output = await drill(home, "--within", "1s")
        assert code == 1
        why = "webhook bridge (127.0.0.1): cannot connect: Connection refused"
        assert f"FAIL  bridge: not notified within 1 s: {why}" in output
        assert "ok    noc: notified after" in output
        code, _ = await drill(home, "--receiver", "nobody")
        assert code == 1

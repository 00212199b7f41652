"""A backup of a daemon that watches, and a daemon that starts from it."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.app.conftest import eventually, started
from watcher import cli

pytestmark = pytest.mark.broker

OFFLINE = {"id": "1234567", "state": "offline", "ingress_state": "online", "message": "TS Loss"}
ONLINE = {"id": "1234567", "state": "online"}
FILES = ("config.toml", "rules.yaml", "inventory.yaml")


async def run(*words: str) -> str:
    done = await asyncio.to_thread(CliRunner().invoke, cli.program, words)
    assert done.exit_code == 0, done.output
    return done.stdout


async def test_a_daemon_that_starts_from_a_backup_goes_on_in_the_same_thread(
    world, home, daemon, tmp_path
):
    file = tmp_path / "copy.db"
    async with daemon() as first:
        await world.change(vyvx=OFFLINE)

        async def told() -> list[dict]:
            (parent,) = await world.parents()
            replies = await world.thread(parent)
            assert len([each for reply in replies for each in reply.get("files", [])]) == 2
            assert re.findall(r"(\d+) owed", await status(home)) == ["0", "0"]
            return [parent, *replies]

        before = await eventually(told)
        said = await run("backup", str(file), "--config", str(home / "config.toml"))
        assert said == f"{file}: {file.stat().st_size} bytes, examined\n"
        assert await first.stop() == 0

    fresh = tmp_path / "fresh"
    fresh.mkdir()
    for name in FILES:
        shutil.copy(home / name, fresh)
    shutil.copy(file, fresh / "watcher.db")
    async with started(fresh):
        listed = await run("incidents", "--config", str(fresh / "config.toml"))
        assert "USA East is offline" in listed
        await world.change(vyvx=ONLINE)

        async def over() -> list[dict]:
            (parent,) = await world.parents()
            assert "resolved" in str(parent).lower()
            replies = await world.thread(parent)
            assert "recovered" in str(replies[-1]).lower()
            return [parent, *replies]

        after = await eventually(over)
    assert after[0]["ts"] == before[0]["ts"]
    assert [each["ts"] for each in after[1:-1]] == [each["ts"] for each in before[1:]]


async def status(home: Path) -> str:
    return await run("status", "--config", str(home / "config.toml"))

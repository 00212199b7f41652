"""A backup of a daemon that watches, and a daemon that starts from it."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.e2e.conftest import OFFLINE, ONLINE, started
from tests.eventually import eventually
from watcher import cli

pytestmark = pytest.mark.broker

RECOVERED = "\N{LARGE GREEN CIRCLE}"
FILES = ("config.toml", "rules.yaml", "inventory.yaml")


async def run(*words: str) -> str:
    done = await asyncio.to_thread(CliRunner().invoke, cli.program, words)
    assert done.exit_code == 0, done.output
    return done.stdout


def restored(file: Path, home: Path) -> Path:
    """Install the same configuration again, with a backup for its database."""
    fresh = home.with_name("fresh")
    fresh.mkdir()
    for name in FILES:
        shutil.copy(home / name, fresh)
    shutil.copy(file, fresh / "watcher.db")
    return fresh


async def test_a_daemon_that_starts_from_a_backup_goes_on_in_the_same_thread(
    world, home, daemon, tmp_path
):
    file = tmp_path / "copy.db"
    async with daemon() as first:
        await world.change(vyvx=OFFLINE)

        async def thread() -> list[dict]:
            (parent,) = await world.parents()
            replies = await world.thread(parent)
            assert len([file for reply in replies for file in reply.get("files", [])]) == 2
            assert await all_delivered(home)
            return [parent, *replies]

        before = await eventually(thread)
        output = await run("backup", str(file), "--config", str(home / "config.toml"))
        assert output == f"{file}: {file.stat().st_size} bytes, verified\n"
        assert str(file) in await run("status", "--config", str(home / "config.toml"))
        assert await first.stop() == 0

    fresh = restored(file, home)
    async with started(fresh):
        listed = await run("incidents", "--config", str(fresh / "config.toml"))
        assert "USA East is offline" in listed
        await world.change(vyvx=ONLINE)

        async def over() -> list[dict]:
            (parent,) = await world.parents()
            assert parent["text"].startswith(RECOVERED)
            replies = await world.thread(parent)
            assert "recovered" in str(replies[-1]).lower()
            return [parent, *replies]

        after = await eventually(over)
    assert after[0]["ts"] == before[0]["ts"]
    assert [message["ts"] for message in after[1:-1]] == [message["ts"] for message in before[1:]]


async def test_incidents_missing_from_an_old_backup_are_delivered_again(
    world, home, daemon, tmp_path
):
    file = tmp_path / "before.db"

    async def threads(*open_: bool) -> list[dict]:
        parents = await world.parents()
        assert tuple(not parent["text"].startswith(RECOVERED) for parent in parents) == open_
        assert await all_delivered(home)
        return parents

    async with daemon() as first:
        await run("backup", str(file), "--config", str(home / "config.toml"))
        await world.change(vyvx=OFFLINE)
        (parent,) = await eventually(lambda: threads(True))
        assert await first.stop() == 0

    home = restored(file, home)
    async with started(home):
        forgotten, _ = await eventually(lambda: threads(True, True))
        assert forgotten["ts"] == parent["ts"]
        await world.change(vyvx=ONLINE)
        await eventually(lambda: threads(True, False))


async def test_an_end_missing_from_an_old_backup_is_delivered_again_in_the_same_thread(
    world, home, daemon, tmp_path
):
    file = tmp_path / "during.db"

    async def ended(times: int) -> bool:
        (parent,) = await world.parents()
        texts = [reply["text"].casefold() for reply in await world.thread(parent)]
        return sum("recovered" in text for text in texts) == times

    async with daemon() as first:
        await world.change(vyvx=OFFLINE)
        await eventually(world.parents)
        await eventually(lambda: all_delivered(home))
        await run("backup", str(file), "--config", str(home / "config.toml"))
        await world.change(vyvx=ONLINE)
        await eventually(lambda: ended(1))
        assert await first.stop() == 0

    async with started(restored(file, home)):
        await eventually(lambda: ended(2))


async def all_delivered(home: Path) -> bool:
    """Return whether nothing is pending for any receiver."""
    output = await run("status", "--config", str(home / "config.toml"))
    return re.findall(r" (?:healthy|failing)  +(\d+)", output) == ["0", "0"]

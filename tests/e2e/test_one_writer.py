"""One process writes SQLite and one connection checkpoints, whatever people type beside it.

SQLite before 3.51.3 can lose commits otherwise (docs/decisions/0028). Every command runs in a
process of its own, which reports how it opened the database.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.eventually import eventually
from watcher import cli
from watcher.store.dialects import sqlite

pytestmark = pytest.mark.broker

# Runs one command, and appends to a file how each connection to a database was opened.
SPY = """
import sys
log = open(sys.argv.pop(1), "a")
def spy(event, args):
    if event == "sqlite3.connect":
        print(args[0], file=log, flush=True)
sys.addaudithook(spy)
sys.argv[0] = "watcher"
from watcher import cli
cli.main()
"""
IOD = """
[sources.iod]
kind = "internet_on_demand"
account = "lumen"
base_url = "{lumen_url}"
"""
NOT_RUN = {"run", "demo"}  # they are daemons
ARGUMENTS = {
    "ack": "w-1",
    "unack": "w-1",
    "resolve": "w-1",
    "note": "w-1 text",
    "packet": "w-1",
    "why": "vyvx/1234567",
    "backup": "copy.db",
    "schema": "config",
    "capture": "w-1",
    "diagnose": "SVC1",
    "check": "--connect",
    "silence add": "rule=x --for 1h",
    "silence expire": "s-1",
    "remedy approve": "w-1",
    "remedy refuse": "w-1",
    "iod show": "c1",
    "iod create": "loc-1 100Mbps --yes",
    "iod set-bandwidth": "c1 100Mbps --yes",
    "preorder qualify": "'1 Main St, Denver, CO 80202'",
}


def verbs(group: Any, path: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, f"{path}{name} ")
        else:
            yield f"{path}{name}"


def descriptors(process: int, database: Path) -> list[int]:
    """The access modes of the descriptors that a process has of a database file."""
    modes = []
    for entry in Path(f"/proc/{process}/fd").iterdir():
        try:
            if entry.readlink() != database:
                continue
            info = Path(f"/proc/{process}/fdinfo/{entry.name}").read_text()
        except FileNotFoundError:
            continue  # closed meanwhile
        (flags,) = re.findall(r"^flags:\s+(\d+)$", info, re.MULTILINE)
        modes.append(int(flags, 8) & os.O_ACCMODE)
    return modes


def batched(items: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


async def run(home: Path, verb: str, log: Path) -> list[str]:
    """Run a command to its end; return how it opened databases."""
    words = ARGUMENTS.get(verb, "").replace("'", "")
    arguments = [words] if verb == "preorder qualify" else words.split()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SPY, str(log), *verb.split(), *arguments),
        cwd=home,
        env={**os.environ, "WATCHER_CONFIG": str(home / "config.toml")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert b"Traceback" not in output, output.decode()
    return (await asyncio.to_thread(log.read_text)).splitlines()


@pytest.mark.timeout(400)
async def test_one_process_writes_and_one_connection_checkpoints(world, home, daemon, tmp_path):
    config = home / "config.toml"
    config.write_text(config.read_text() + IOD.format(**world.addresses))
    database = home / "watcher.db"
    readers = {}
    async with daemon() as first:

        async def leads() -> bool:
            return os.O_RDWR in descriptors(first.process.pid, database)

        await eventually(leads)
        every = [verb for verb in verbs(typer.main.get_command(cli.program)) if verb not in NOT_RUN]
        for some in batched(every, 6):
            logs = [tmp_path / f"{verb}.log" for verb in some]
            opened = await asyncio.gather(*map(partial(run, home), some, logs))
            for verb, names in zip(some, opened, strict=True):
                readers[verb] = [name for name in names if "watcher.db" in name]
                written = [name for name in readers[verb] if "mode=ro" not in name]
                assert not written, f"watcher {verb} opens the database for writing"
            modes = descriptors(first.process.pid, database)
            assert modes.count(os.O_RDWR) == 1, "one connection writes, and it alone checkpoints"
            assert set(modes) <= {os.O_RDONLY, os.O_RDWR}
        assert await first.stop() == 0
    assert readers["backup"]
    assert readers["replay"], "the audit hook sees nothing"
    assert not readers["iod create"], "the daemon counts an order"


async def test_a_second_daemon_does_not_write_either(home, daemon, tmp_path):
    async with daemon() as first:
        opened = await run(home, "run", tmp_path / "second.log")
        assert all("mode=ro" in name for name in opened)
        assert opened
        assert await first.stop() == 0


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 46, 1), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
    ],
)
def test_the_versions_that_can_lose_commits_are_known(version, is_safe):
    assert (sqlite.caution(version) == "") is is_safe


async def test_status_and_check_say_which_version_is_at_work(home, daemon, tmp_path):
    async with daemon() as first:
        log = tmp_path / "log"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SPY, str(log), "status", "-c", str(home / "config.toml")),
            stdout=asyncio.subprocess.PIPE,
        )
        shown = (await process.communicate())[0].decode()
        assert f"SQLite {sqlite3.sqlite_version}" in shown
        assert str(home / "watcher.db") in shown
        assert ("can lose commits" in shown) is bool(sqlite.note())
        assert await first.stop() == 0

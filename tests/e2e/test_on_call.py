"""Who is on call, as a person has it: mentions in Slack, the verb, and a calendar that is gone."""

from __future__ import annotations

import asyncio
import json

from typer.testing import CliRunner

from tests.e2e.conftest import OFFLINE
from tests.eventually import eventually
from watcher import cli

ROTAS = """
people:
  ann: {slack: U0000ANN}
  bob: {slack: U0000BOB}
rotas:
  - {name: video, turns: ann, handover: mon 09:00, start: 2020-01-06}
  - {name: net, calendar: net.ics}
"""
CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t\r\nBEGIN:VEVENT\r\nUID:1\r\n"
    "DTSTART;VALUE=DATE:20200101\r\nRRULE:FREQ=DAILY\r\nSUMMARY:Bob\r\nEND:VEVENT\r\n"
    "END:VCALENDAR\r\n"
)


async def verb(home, *words: str) -> str:
    asked = [*words, "--config", str(home / "config.toml")]
    done = await asyncio.to_thread(CliRunner().invoke, cli.program, asked)
    return done.output


async def test_who_is_on_call_is_mentioned_and_named_also_when_the_calendar_is_gone(
    world, daemon, home
):
    config, rules = home / "config.toml", home / "rules.yaml"
    here = '[receivers.noc]\nmention = "oncall: video"\n'
    config.write_text(config.read_text().replace("[receivers.noc]\n", here))
    step = "    diagnose: true\n    escalate: [{after: 1s, oncall: net}]"
    rules.write_text(ROTAS + rules.read_text().replace("    diagnose: true", step))
    (home / "net.ics").write_text(CALENDAR)
    async with daemon() as running:

        async def is_read() -> bool:
            return "net    bob" in await verb(home, "oncall")

        await eventually(is_read)
        assert (await verb(home, "oncall", "video")).split()[-2:] == ["video", "ann"]
        await world.change(vyvx=OFFLINE)

        async def escalated() -> bool:
            parents = await world.parents()
            return bool(parents) and "<@U0000BOB>" in json.dumps(await world.thread(parents[0]))

        await eventually(escalated)
        (parent,) = await world.parents()
        assert "<@U0000ANN>" in json.dumps(parent)
        assert "called bob, on call for net" in json.dumps(await world.thread(parent))
        assert await running.stop() == 0
    (home / "net.ics").unlink()
    async with daemon():

        async def is_named() -> bool:
            return "its calendar cannot be read" in await verb(home, "oncall", "net")

        await eventually(is_named)
        assert "net   bob" in await verb(home, "oncall", "net")


async def test_check_reads_a_rotas_calendar_and_says_what_is_wrong_with_it(world, home):
    rules = home / "rules.yaml"
    rules.write_text(ROTAS + rules.read_text())

    async def checked() -> str:
        printed = await verb(home, "check", "--connect")
        [line] = [line for line in printed.splitlines() if "rotas.net" in line]
        return line

    missing = await checked()
    assert missing.startswith("FAIL  rotas.net: ")
    assert "net.ics" in missing
    (home / "net.ics").write_text(CALENDAR)
    assert await checked() == (
        "ok    rotas.net: its calendar can be read, and has somebody for the next 30 days"
    )
    (home / "net.ics").write_text(CALENDAR.replace("RRULE:FREQ=DAILY\r\n", ""))
    assert (await checked()).startswith("FAIL  rotas.net: ")

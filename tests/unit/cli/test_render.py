"""`watcher render` shows a message, and posts nothing."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from watcher import simulator
from watcher.clock import SystemClock
from watcher.simulator import scenario
from watcher.store import store

WRITTEN = max(Path("tests/data/store").glob("*.sql"))  # by the newest revision with one

CONFIG = """
[receivers.noc]
kind = "slack"
channel = "{credentials.slack_channel}"
{template}
[slack]
bot_token = "{credentials.slack_bot_token}"
app_token = "xapp-1"
api_url = "{at.slack_api_url}"
[web]
listen = ""
"""


@pytest.fixture
async def sim():
    world = scenario.parse("world: {}", name="render.yaml")
    async with simulator.Simulator(world, with_broker=False) as running:
        yield running


@pytest.fixture
def render(sim, write_config, watcher, tmp_path):
    async def run(*arguments, template=""):
        text = CONFIG.replace("{template}", template)
        return await watcher("render", *arguments, "-c", str(write_config(sim, text)))

    return run


async def test_a_sample_is_shown_with_its_notification_and_its_blocks(sim, render):
    done = await render("--sample")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "notification:"
    assert lines[1].endswith("call Lumen NOC, +1 800 555 0100 <!here>")
    assert "  [header]" in lines
    assert "    (Acknowledge)" in lines
    assert not sim.world.calls


async def test_programs_get_the_blocks_as_json(render):
    done = await render("--sample", "--json")
    message = json.loads(done.out)
    assert message["blocks"][0]["type"] == "header"
    assert message["text"]


async def test_slack_validates_the_blocks_and_gets_no_message(sim, render):
    done = await render("--sample", "--connect")
    assert done.code == 0
    assert done.out.splitlines()[-1] == "Slack finds no fault with the blocks."
    assert list(sim.world.calls) == ["slack.blocks.validate"]


async def test_what_slack_finds_wrong_is_listed(sim, render):
    error = {"pointer": "/1/text/text", "message": "must be shorter"}
    body = {"ok": False, "error": "invalid_blocks", "errors": [error]}
    sim.change(fault={"vendor": "slack", "kind": "answer", "body": body})
    done = await render("--sample", "--connect")
    assert (done.code, done.err.strip()) == (1, "Slack: /1/text/text: must be shorter")


async def test_where_slack_does_not_validate_that_is_said(sim, render):
    body = {"ok": False, "error": "unknown_method"}
    sim.change(fault={"vendor": "slack", "kind": "answer", "body": body})
    done = await render("--sample", "--connect")
    assert done.code == 1
    assert "Slack has not validated the blocks: " in done.err
    assert "unknown_method" in done.err


async def test_a_template_is_used(render, tmp_path):
    (tmp_path / "noc.txt").write_text("our words about {{ name }}")
    done = await render("--sample", template=f'template = "{tmp_path}/noc.txt"')
    assert "    <!here> our words about NYC Arena uplink" in done.out.splitlines()


async def test_a_template_with_a_typo_is_a_fault_of_the_configuration(render, tmp_path):
    (tmp_path / "noc.txt").write_text("{{ naem }}")
    done = await render("--sample", template=f'template = "{tmp_path}/noc.txt"')
    assert done.code == 2
    assert done.err.startswith("receivers.noc.template: ")
    assert "'naem' is not known" in done.err


async def test_neither_an_incident_nor_the_sample_is_wrong_usage(render):
    assert (await render()).code == 2
    assert (await render("w-1", "--sample")).code == 2


async def test_an_incident_that_is_not_there_is_a_finding(render):
    done = await render("w-nothere")
    assert done.code == 1


async def test_an_incident_of_the_database_is_shown_while_a_daemon_may_run(render, tmp_path):
    file = tmp_path / "watcher.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(WRITTEN.read_text())
    async with store.open(f"sqlite:///{file}", clock=SystemClock()):
        pass  # of an older revision it is migrated
    done = await render("i1")
    assert (done.code, done.err) == (0, "")
    assert "    i1 \N{MIDDLE DOT} down" in done.out
    assert (await render("i2-unknown")).err == (
        "there is no incident i2-unknown; see `watcher incidents --all` or the board\n"
    )

"""The recipe for a new vendor, followed to the letter: a folder, and a line in the catalogue.

The installation is a copy of `watcher/`, so that the recipe changes nothing else. It runs as a
user runs it, from a configuration file to a message in Slack.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from aiohttp import web

import watcher
from watcher import simulator

PACKAGE = Path(watcher.__file__).parent
TOY = Path(__file__).parent / "toy"

CONFIG = """
rules = ["rules.yaml"]

[sources.coast]
kind = "toy"
base_url = "{vendor}"
interval = "200ms"
fast_interval = "100ms"

[receivers.noc]
kind = "slack"
channel = "{slack_channel}"

[slack]
bot_token = "{slack_bot_token}"
api_url = "{slack_api}"

[web]
listen = ""

[control]
socket = "c.sock"
"""

RULES = """
rules:
  - name: lamp-out
    source: toy
    expression: state == "dark" && previous.state == "lit"
    severity: critical
    title: "{{ name }} is {{ state }}"
"""


@pytest.fixture
def copy(tmp_path) -> Path:
    """Copy Watcher, add the folder of the toy, and the one line."""
    shutil.copytree(PACKAGE, tmp_path / "watcher", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(TOY, tmp_path / "watcher" / "vendors" / "toy")
    catalog = tmp_path / "watcher" / "vendors" / "catalog.py"
    listed = catalog.read_text(encoding="utf-8")
    assert listed.count('        "evpl",\n') == 1
    catalog.write_text(listed.replace('        "evpl",\n', '        "evpl",\n        "toy",\n'))
    return tmp_path


async def program(home: Path, *arguments: str) -> asyncio.subprocess.Process:
    """Start a verb of the copy."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "watcher",
        *arguments,
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(home)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@pytest.fixture
async def sim():
    """Provide Slack."""
    scenario = simulator.parse("{}", name="toy.yaml")
    async with simulator.Simulator(scenario, with_broker=False) as running:
        yield running


@pytest.fixture
def home(copy, vendor, sim) -> Path:
    credentials = sim.credentials
    config = CONFIG.format(
        vendor=vendor.url,
        slack_channel=credentials.slack_channel,
        slack_bot_token=credentials.slack_bot_token,
        slack_api=sim.slack_api_url,
    )
    (copy / "config.toml").write_text(config)
    (copy / "rules.yaml").write_text(RULES)
    return copy


async def test_a_vendor_is_a_folder_and_a_line_from_the_settings_to_slack(
    home, vendor, sim, monkeypatch
):
    posted: asyncio.Future[dict] = asyncio.get_running_loop().create_future()
    post = sim.workspace.post

    def post_and_notice(channel: str, content: dict) -> dict:
        message = post(channel, content)
        if not posted.done():
            posted.set_result(message)
        return message

    monkeypatch.setattr(sim.workspace, "post", post_and_notice)
    vendor.replies_in_turn(
        lambda: web.json_response({"1": "lit", "2": "lit"}),
        lambda: web.json_response({"1": "lit", "2": "dark"}),
    )
    daemon = await program(home, "run", "--config", "config.toml")
    try:
        async with asyncio.timeout(60):
            message = json.dumps(await posted)
    finally:
        daemon.kill()
        output, _ = await daemon.communicate()
    assert "2 is dark" in message, output.decode()
    assert "Likely *source side*" in message


async def test_rules_know_the_words_of_a_new_vendor(home):
    (home / "rules.yaml").write_text(RULES.replace('"dark"', '"drak"'))
    check = await program(home, "check", "--config", "config.toml")
    output, _ = await check.communicate()
    assert check.returncode == 2
    assert "state is never 'drak'; did you mean dark?" in output.decode()


async def test_preflight_polls_a_new_vendor(home, vendor):
    vendor.replies(text='{"1": "lit", "2": "dim"}')
    check = await program(home, "check", "--config", "config.toml", "--connect")
    output, _ = await check.communicate()
    assert "sees 2 subjects, state lit (1), dim (1)" in output.decode()

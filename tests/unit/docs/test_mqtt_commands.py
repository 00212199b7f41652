"""What programs may do over MQTT is told in full wherever a page speaks of it."""

from __future__ import annotations

import re
from pathlib import Path

from watcher.receivers.mqtt.commands import REQUESTS

DOCS = next(
    folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists()
).joinpath("docs")


def test_the_door_of_the_security_model_names_every_command_and_the_token():
    text = (DOCS / "discussions" / "security.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| MQTT commands \|.*$", text, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == {*REQUESTS, "commands_token"}


def test_accepting_commands_says_which_they_are():
    text = (DOCS / "howto" / "mqtt.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Accept commands\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    assert {*REQUESTS, "commands_token"} <= set(re.findall(r"`(\w+)`", section))

"""What is still an example is found, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from watcher import settings
from watcher.cli import examples

ROOT = Path(__file__).parents[3]
OWN = """
[accounts.vyvx]
kind = "mpa"
key_id = "AK1"
secret = "s3cret"
[sources.vyvx]
kind = "vyvx"
account = "vyvx"
[receivers.noc]
kind = "slack"
channel = "C08EXAMPLES"
[receivers.bridge]
kind = "webhook"
url = "https://tickets.examples.io/hook"
[slack]
bot_token = "xoxb-1-2-abc"
"""
REAL = """
subjects:
  vyvx/1234567:  # EXAMPLE of a comment, +1 555 0100
    service_ids: [SVC1]
    contacts: {lumen: "Lumen NOC, +1 877 453 8353", source: 'Truck #4, +33 1 44 55 01 00'}
    runbook: https://wiki.corp/555-0100x
"""


@pytest.fixture
def leftovers(tmp_path):
    def check(text: str, inventory: str = "") -> list[str]:
        path = tmp_path / "config.toml"
        if inventory:
            (tmp_path / "inventory.yaml").write_text(inventory)
            text = 'inventory = "inventory.yaml"\n' + text
        path.write_text(text)
        lines = examples.leftovers(settings.load(path), path)
        return [line.removeprefix(f"{tmp_path}/") for line in lines]

    return check


def test_real_values_are_no_examples(leftovers):
    assert leftovers(OWN, REAL) == []


@pytest.mark.parametrize(
    ("own", "example", "key"),
    [
        ("xoxb-1-2-abc", "xoxb-...", "slack.bot_token"),
        ("C08EXAMPLES", "C0123456789", "receivers.noc.channel"),
        ("tickets.examples.io", "tickets.example", "receivers.bridge.url"),
        ("tickets.examples.io", "example.com", "receivers.bridge.url"),
        ('"AK1"', '""', "accounts.vyvx.key_id"),
        ('"s3cret"', '""', "accounts.vyvx.secret"),
    ],
)
def test_an_example_in_the_configuration_is_named_by_its_line_and_key(leftovers, own, example, key):
    text = OWN.replace(own, example)
    (problem,) = leftovers(text)
    line = next(number for number, line in enumerate(text.splitlines(), start=1) if example in line)
    assert problem.startswith(f"config.toml:{line}: {key}: ")


def test_a_secret_is_not_quoted(leftovers):
    (problem,) = leftovers(OWN.replace("s3cret", "hunter2..."))
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("own", "example"),
    [
        ("+1 877 453 8353", "+1 555 0100"),
        ("+1 877 453 8353", "+1 212-555-0199"),
        ("+33 1 44 55 01 00", "+33 1 99 00 01 00"),
        ("+33 1 44 55 01 00", "+33 1 55 50 01 00"),  # of the example of earlier versions
        ("wiki.corp", "wiki.example"),
        ("SVC1", "EXAMPLE-SVC1"),
    ],
)
def test_an_example_in_the_inventory_is_named_by_its_line(leftovers, own, example):
    (problem,) = leftovers(OWN, REAL.replace(own, example))
    assert problem.startswith("inventory.yaml:")
    assert "is still an example" in problem


def test_every_entry_of_the_shipped_inventory_is_an_example_and_matches_nothing_real():
    text = (ROOT / "inventory.example.yaml").read_text()
    inventory = yaml.safe_load(text)
    assert all("EXAMPLE" in key for key in inventory["subjects"])
    assert all("EXAMPLE" in entry["where"] for entry in inventory["match"])
    numbers = [number for number, _ in examples.in_inventory(text)]
    shown = [text.splitlines()[number - 1] for number in numbers]
    for name in ("lumen:", "source:", "runbook:", "orange:", "service_ids:", "where:"):
        assert any(name in line for line in shown)

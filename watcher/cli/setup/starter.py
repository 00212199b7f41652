"""The first config.toml, inventory.yaml and rules of an installation, made of the shipped examples.

Only what belongs to the chosen vendors and receivers is kept, with the examples' comments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from msgspec import Struct

VENDORS = {
    "vyvx": "Lumen Vyvx video reservations",
    "evpl": "Orange EVPL lines",
    "internet_on_demand": "Lumen Internet On-Demand connections",
}
RECEIVERS = {
    "slack": "a Slack channel",
    "mqtt": "an MQTT broker",
    "webhook": "a webhook of another system",
}

_SECTIONS_OF = {
    "vyvx": ("accounts.vyvx", "sources.vyvx"),
    "evpl": ("accounts.orange", "sources.evpl"),
    "internet_on_demand": ("accounts.lumen", "sources.iod"),
    "diagnostics": ("accounts.lumen", "diagnostics"),
    "slack": ("receivers.noc", "slack"),
    "mqtt": ("receivers.mqtt", "mqtt"),
    "webhook": ("receivers.bridge",),
}
_ALWAYS = ("store", "web", "silences", "drill", "ticket", "packet", "control", "heartbeat")
_HEADER = re.compile(r"\[([\w.]+)\]")
_GROUP = "# --- "
_INVENTORY = """\
# What the vendors do not say about the subjects. Replace every entry: these match nothing real, and
# `watcher check` does not pass while one of them is left.

# By key: SOURCE/ID, where SOURCE is the name of a [sources.NAME] section in config.toml.
subjects:
"""
_SUBJECTS = {
    "vyvx": """\
  vyvx/EXAMPLE-1: # as in vyvx/1234567
    service_ids: [EXAMPLE-SVC1] # for Lumen Service Diagnostics; a reservation's id is not one
    labels: {customer: EXAMPLE, site: NYC}
    contacts: # whom to call, by the side that is probably at fault
      lumen: "Lumen NOC, +1 555 0100, contract EXAMPLE"
      source: "Truck 4, +1 555 0101"
    runbook: https://wiki.example/vyvx/1234567
    sla: 99.95 # the availability that was agreed, in percent, for `watcher report`
""",
    "evpl": """\
  evpl/EXAMPLE-2: # as in evpl/LD012345
    labels: {customer: EXAMPLE, site: PAR}
    contacts: {orange: "Orange wholesale desk, +33 1 99 00 01 00"}
""",
    "internet_on_demand": """\
  iod/EXAMPLE-3: # as in iod/CON-1234
    bandwidth: 500 Mbps # what was bought; rules read it as expected_mbps
    service_ids: [EXAMPLE-SVC3] # for Lumen Service Diagnostics
    contacts: {lumen: "Lumen NOC, +1 555 0100, contract EXAMPLE"}
""",
}
_MATCH = """
# By labels, for subjects that are booked or ordered. An entry under a key of its own comes first.
match:
  - where: labels.po_number == "EXAMPLE" # as in "12345"
    labels: {customer: EXAMPLE}
"""
_TAIL = """\

# Every key, and the sections that are left out here: docs/reference/configuration.md.
"""


class Choice(Struct, frozen=True, kw_only=True):
    """What somebody has: vendors, receivers, and whether Lumen enrolled them for diagnostics."""

    vendors: Sequence[str]
    receivers: Sequence[str]
    diagnostics: bool = False
    as_service: bool = False  # below /etc: the database and the socket are where the unit has them


def files(shipped: Path, choice: Choice) -> dict[str, str]:
    """Return the files to write: names below the folder, and their texts."""
    rules = [f"rules/{name}.yaml" for name in (*choice.vendors, "sources")]
    tests = [f"rules/tests/{name}.yaml" for name in (*choice.vendors, "sources")]
    if "internet_on_demand" in choice.vendors:
        tests.append("rules/tests/internet_on_demand.inventory.yml")
    example = (shipped / "config.example.toml").read_text(encoding="utf-8")
    return {
        "config.toml": config(example, choice, rules),
        "inventory.yaml": inventory(choice.vendors),
        **{name: (shipped / name).read_text(encoding="utf-8") for name in (*rules, *tests)},
    }


def config(example: str, choice: Choice, rules: Sequence[str]) -> str:
    """Return the example configuration with the sections of a choice alone."""
    wanted = {*_ALWAYS}
    for name in (*choice.vendors, *choice.receivers, *(["diagnostics"] * choice.diagnostics)):
        wanted.update(_SECTIONS_OF[name])
    preamble, *sections = _blocks(example)
    text = _set(preamble, "rules", json.dumps(rules))
    text = text.replace("Copy it to config.toml, keep what you use and put", "Put")
    text = re.sub(r" +# begin with a copy of .*", "", text)
    heading = ""
    for block in sections:
        if block.startswith(_GROUP):
            heading = block
        elif _HEADER.match(block)[1] in wanted:  # type: ignore[index]  # as _blocks made it
            text += heading + _for_folder(block, choice)
            heading = ""
    return text.rstrip() + "\n" + _TAIL


def inventory(vendors: Sequence[str]) -> str:
    """Return an inventory with an example entry for each vendor."""
    return _INVENTORY + "\n".join(_SUBJECTS[vendor] for vendor in vendors) + _MATCH


def _blocks(example: str) -> Iterator[str]:
    """Yield what stands before the first section, then each heading and each section."""
    number = 0

    def counted(line: str) -> int:
        nonlocal number
        number += bool(_HEADER.match(line) or line.startswith(_GROUP))
        return number

    for _, lines in groupby(example.splitlines(keepends=True), counted):
        yield "".join(lines)


def _for_folder(block: str, choice: Choice) -> str:
    """Return a section with the paths that fit where the files are."""
    if block.startswith("[store]") and choice.as_service:
        return _set(block, "url", '"sqlite:////var/lib/watcher/watcher.db"')
    if block.startswith("[control]") and not choice.as_service:
        return _set(block, "socket", '"watcher.sock"')
    return block


def _set(block: str, key: str, value: str) -> str:
    """Return a block with another value of a key; a comment behind it stays in its column."""

    def line(match: re.Match[str]) -> str:
        assignment, comment = f"{key} = {value}", match[2] or ""
        width = len(match[0]) - len(comment)
        return f"{assignment:<{width}}{'' if width > len(assignment) else '  '}{comment}".rstrip()

    return re.sub(rf'^{key} = ("[^"\n]*"|\[[^\n]*?\]) *(#[^\n]*)?', line, block, flags=re.MULTILINE)

"""What the command line says, verb by verb: help, answers and errors, word for word."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.integration.golden import player
from watcher import cli

# What differs from run to run, and what stands for it.
VOLATILE = (
    (r"\b\d+\.\d+ s\b", "SECONDS s"),
    (r"( (?:leader|standby)  +)[\d:TZ-]+", r"\1TIME"),
    (r'("since": )"[^"]+",(\s+"leads")', r'\1"TIME",\2'),
    (r"\bs-[0-9a-f]{8}\b", "s-SILENCE"),
    (r"note: SQLite [\d.]+ can lose commits.*\n", ""),  # by the system's version; test_one_writer
)

CONFIG = """\
rules = ["rules.yaml"]

[sources.vyvx]
kind = "vyvx"
base_url = "http://127.0.0.1:9/vyvx/v1.0"

[sources.iod]
kind = "internet_on_demand"
base_url = "http://127.0.0.1:9/lumen"

[receivers.mqtt]
kind = "mqtt"

[control]
socket = "control.sock"
"""
RULES = """\
rules:
  - name: down
    source: vyvx
    transition: {field: state, to: [offline]}
    title: "{{ name }} is {{ state }}"
"""
RULE_TESTS = """\
rules: [rules.yaml]
tests:
  - name: what goes down is told
    step: 10s
    subjects:
      vyvx/1: {series: {state: online*3 offline}}
    expect:
      - {at: 30s, firing: {down: vyvx/1}, told: [{text: "offline since *", title: "1 is offline"}]}
  - name: what is not promised
    step: 10s
    subjects:
      vyvx/1: {series: {state: online*3 offline}}
    expect:
      - {at: 20s, pending: {down: vyvx/1}}
      - {at: 1m, firing: {}, told: ["degraded since *"], incidents: []}
"""
BAD_CONFIG = """\
instance = "two words"
rule = ["rules.yaml"]
inventory = "nowhere.yaml"

[accounts.lumen]
kind = "oauth3"

[sources.vyvx]
kind = "vyvx"
account = "vyvx"
base_url = "ftp://vyvx"
interval = "sixty"

[receivers.noc]
kind = "slack"
channel = "#noc"
fallback = "lead"

[mqtt]
prot = "5"
port = 99999999

[web]
listen = "0.0.0.0:99999"
"""
BAD_REFERENCES = """\
[sources.vyvx]
kind = "vyvx"
account = "vyvx"
base_url = "https://vyvx"

[receivers.noc]
kind = "slack"
channel = "C0123456789"
fallback = "noc"

[receivers.hook]
kind = "webhook"
url = "https://hook"
fallback = "lead"

[web]
listen = "0.0.0.0:99999"
"""
BAD_RULES = """\
rules:
  - name: Down Town
    source: vyvx
    transition: {field: sate, to: [ofline]}
  - name: two
    source: vyvx
    transition: {field: state, to: [offline]}
    blind: 5m
    for: sixty
    notify: [nobody]
    severity: urgent
  - name: three
    source: nowhere
    expression: state ==
  - name: four
    source: vyvx
    expression: sttae == "online"
    title: "{{ name"
    during: [sleeping]
  - name: five
    source: vyvx
    threshold: {metric: utilization, above: 80}
    colour: red
  - name: two
    source: vyvx
    blind: soon
maintenance:
  - {name: night, match: {colour: red}, zone: Mars/Base, from: "25:00", to: "06:00"}
storm: {incidents: 0}
"""
BAD_TESTS = """\
rules: [rules.yaml]
tests:
  - name: faulty
    step: often
    subjects:
      vyvx: {series: {sate: online*x ofline}}
    expect: [{at: 30s, fireing: {}}]
"""
BAD_INVENTORY = """\
subjects:
  vyvx/1: {service_ids: SVC1, bandwidth: 500, colour: red}
  nowhere/2: {labels: {a: 1}}
match:
  - where: labels.po_number ==
"""

# Each is one run in a directory with a good configuration, no database and no daemon.
WITHOUT_A_DAEMON = (
    "check",
    "check --config none.toml",
    "check --config config.toml --nonsense",
    "check --config bad.toml",
    "check --config references.toml",
    "check --config no.toml",
    "check --config bad-rules.toml",
    "check --config bad-inventory.toml",
    "run --config none.toml",
    "wacth",
    "status",
    "incidents --socket nowhere.sock",
    "ack",
    "ack w-1 --by ana",
    "drill --within soon",
    "drill",
    "silence",
    "silence add",
    "silence add site:NYC",
    "silence add rule=x --for sixty",
    "silence list",
    "remedy approve w-1 --by ana",
    "replay",
    "replay --since yesterday",
    "replay --vyvx-history 1 --rules none.yaml",
    "capture w-1",
    "backup copy.db",
    "diagnose SVC1",
    "preorder check Denver",
    "iod set-bandwidth C1 fast",
    "iod list --source nowhere",
    "demo --for soon",
    "schema",
    "schema nothing",
    "test",
    "test tests.yaml",
    "test none.yaml",
    "test bad-tests.yaml",
)

# In the night, while a storm is acknowledged and something is silenced.
AT = datetime(2026, 11, 21, 2, 55, tzinfo=UTC)
FINAL, FLAPPED, STORM, DEGRADED = "w-eebhfre1", "w-a91225q7", "w-qywr3hbf", "w-gj86e5zt"
BESIDE_A_DAEMON = (
    "status",
    "status --json",
    "incidents",
    "incidents --json",
    "incidents --all",
    f"why {FINAL}",
    f"why {FLAPPED}",
    f"why {STORM}",
    "why vyvx/100",
    "why vyvx/401",
    "why evpl/PAR-LON",
    "why iod/C1",
    "why vyvx/nothing",
    f"packet {FINAL}",
    f"packet {STORM}",
    "packet w-none",
    "silence list",
    "silence add rule=vyvx-* labels.city!=Den* --for 90m --comment works --by ana",
    "silence add colour=red --by ana",
    "silence list",
    "silence expire s-none --by ana",
    f"ack {DEGRADED} --by ana",
    "ack w-none --by ana",
    f"note {DEGRADED} words --by ana",
    f"note {DEGRADED}  --by ana",
    f"unack {DEGRADED} --by ana",
    f"remedy approve {DEGRADED} --by ana",
    f"resolve {DEGRADED} --by ana",
    f"resolve {DEGRADED} --by ana",
    "reload",
    "drill --by ana --within 20s --receiver noc",
    "drill --by ana --receiver nobody",
    "replay --since 2026-11-21T00:00Z",
    "replay --since 2026-11-21T00:00Z --rules other.yaml",
    f"capture {FLAPPED}",
    "capture w-none",
    "check",
    "incidents --all",
)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Put the logging of this process back, which a verb sets up for its own."""
    root, config = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    yield
    structlog.configure(**config)
    root.handlers = handlers
    root.setLevel(level)


@pytest.fixture
def watcher(monkeypatch, capsys, tmp_path) -> Callable[..., str]:
    """Run a verb in the test's own directory; give its exit code and what it printed, as text."""
    monkeypatch.chdir(tmp_path)
    # Else a usage line shows how pytest was started.
    monkeypatch.setattr(sys.modules["__main__"], "__package__", None)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("WATCHER_CONFIG", "FORCE_COLOR", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["watcher", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        capsys.readouterr()
        code: Any = 0
        try:
            cli.main()
        except SystemExit as left:
            code = left.code or 0
        printed = capsys.readouterr()
        return f"$ watcher {' '.join(words)}\n" + _same(
            f"{printed.out}{_errors(printed.err)}[{code}]\n\n", tmp_path
        )

    return run


def _errors(text: str) -> str:
    """Mark what went to stderr."""
    return "".join(f"! {line}\n" for line in text.splitlines())


def _same(text: str, home: Path) -> str:
    """Write what differs from run to run the same in each."""
    text = text.replace(os.path.relpath(player.ROOT, home), "ROOT")
    text = text.replace(str(home), "HOME").replace(str(player.ROOT), "ROOT")
    for pattern, stands_for in VOLATILE:
        text = re.sub(pattern, stands_for, text)
    return text


def test_every_verb_has_the_same_help_as_ever(watcher, golden):
    def pages(*verb: str) -> Iterator[str]:
        page = watcher(*verb, "--help")
        yield page
        _, _, listed = page.partition("\nCommands:\n")
        for name in re.findall(r"^  ([a-z-]+)(?:  |$)", listed, re.MULTILINE):
            yield from pages(*verb, name)

    golden("cli/help.txt", "".join(pages()))


def test_a_verb_without_a_daemon_says_the_same_as_ever(watcher, tmp_path, golden):
    for name, text in {
        "config.toml": CONFIG,
        "rules.yaml": RULES,
        "tests.yaml": RULE_TESTS,
        "bad.toml": BAD_CONFIG,
        "references.toml": BAD_REFERENCES,
        "no.toml": "rules = [",
        "bad-rules.toml": CONFIG.replace("rules.yaml", "bad-rules.yaml"),
        "bad-rules.yaml": BAD_RULES,
        "bad-tests.yaml": BAD_TESTS,
        "bad-inventory.toml": 'inventory = "bad-inventory.yaml"\n' + CONFIG,
        "bad-inventory.yaml": BAD_INVENTORY,
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    pages = [watcher(*words.split()) for words in WITHOUT_A_DAEMON]
    golden("cli/without_a_daemon.txt", "".join(pages))


async def test_a_verb_beside_a_daemon_says_the_same_as_ever(watcher, tmp_path, golden):
    async with player.answering("night", tmp_path, AT) as home:
        (home / "other.yaml").write_text(RULES, encoding="utf-8")
        pages = [await asyncio.to_thread(watcher, *words.split(" ")) for words in BESIDE_A_DAEMON]
    # A drill's incident has another id each time.
    drill = next(page for page in pages if page.startswith("$ watcher drill"))
    identity = drill.splitlines()[1].partition(":")[0]
    golden("cli/beside_a_daemon.txt", "".join(pages).replace(identity, "w-DRILL"))


@pytest.mark.parametrize("what", ["config", "rules", "mqtt"])
def test_a_printed_schema_is_the_same_as_ever(watcher, golden, what):
    page = watcher("schema", what)
    _, _, printed = page.partition("\n")
    schema, _, _ = printed.rpartition("[0]")
    golden(f"cli/schema_{what}.json", json.dumps(_nameless(json.loads(schema)), indent=1) + "\n")


def _nameless(schema: dict[str, Any]) -> dict[str, Any]:
    """Number the definitions, which bear the names of classes, in the order of their mention."""
    numbers: dict[str, str] = {}

    def renamed(node: Any) -> Any:
        match node:
            case {"$ref": str(reference)}:
                name = reference.rpartition("/")[2]
                number = numbers.setdefault(name, f"D{len(numbers) + 1}")
                return {**node, "$ref": f"#/$defs/{number}"}
            case dict():
                return {key: renamed(value) for key, value in node.items()}
            case list():
                return [renamed(value) for value in node]
            case _:
                return node

    definitions = schema.pop("$defs", {})
    shown = renamed(schema)
    done: dict[str, Any] = {}
    while left := [name for name in numbers if numbers[name] not in done]:
        for name in left:
            definition = {**definitions[name]}
            definition.pop("title", None)
            done[numbers[name]] = renamed(definition)
    return {**shown, "$defs": done}

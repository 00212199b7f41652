"""Every key of config, rules, inventory and rule tests with wrong values: our words, each time."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from pydantic_core._pydantic_core import list_all_errors

from watcher import config_words, model, settings, settings_problems
from watcher.rule_tests import schema as test_schema
from watcher.ruleset import schema, yaml_document
from watcher.ruleset.problems import Problems
from watcher.ruleset.validate import validated

# Every sentence that pydantic has, as a regular expression.
PYDANTICS = [
    re.compile(
        re.sub(r"\\\{\w+\\\}", ".*", re.escape(error["message_template_python"])), re.IGNORECASE
    )
    for error in list_all_errors()
    if error["type"] not in {"value_error", "assertion_error", "custom_error"}
]
TYPES = re.compile(r"pydantic|timedelta|datetime|\bNone\b|\bdict\b|\bfloat\b|\[\^|\\d|\$'")
BAD = ["", "no, nothing!", -1, True, [[]], {"x": 1}]
YAML_BAD = [
    *BAD,
    "0s",
    1.5,
    10**15,
    [],
    {},
    None,
    float("nan"),
    date(2026, 1, 1),
    datetime(2026, 1, 1),  # noqa: DTZ001  # as TOML may have one
]

CONFIG = """
instance = "a"
rules = ["rules.yaml"]
inventory = "i.yaml"
[store]
url = "sqlite:///w.db"
[accounts.m]
kind = "mpa"
key_id = "a"
secret = "a"
[accounts.o]
kind = "oauth2"
token_url = "http://a"
client_id = "a"
client_secret = "a"
[sources.v]
kind = "vyvx"
[sources.e]
kind = "evpl"
operator_code = "a"
application_id = "a"
[sources.i]
kind = "internet_on_demand"
[diagnostics]
[preorder]
[preorder.fields]
[receivers.s]
kind = "slack"
channel = "C0123456789"
[receivers.m]
kind = "mqtt"
[receivers.w]
kind = "webhook"
url = "http://a"
[slack]
bot_token = "xoxb-1"
[mqtt]
[mqtt.tls]
[web]
[control]
[silences]
[ticket]
[packet]
[heartbeat]
"""
RULES = """
rules:
  - name: r
    source: vyvx
    transition: {field: state, from: [online], to: [offline]}
    threshold: {metric: m, above: 1, below: 2, clear: 1, over: 1h, aggregate: avg,
      min_samples: 1, coverage: 0.5, consecutive: 1}
    expression: "true"
    escalate: [{after: 15m, notify: [a], oncall: a, acks: 1}]
    flapping: {flips: 1, within: 5m}
    bandwidth: {connection: iod/1, to: 2 Gbps, max: 2 Gbps, approval: cli, revert: never}
    hours: [{zone: UTC, days: [mon], from: 01:00, to: 02:00}]
maintenance:
  - {name: a, match: {rule: a}, zone: UTC, action: mute, days: [mon], from: 01:00, to: 02:00,
     cron: 0 22 * * sat, for: 1h}
storm: {incidents: 20, window: 30s}
people:
  ann: {slack: U0123456789, email: a}
rotas:
  - {name: a, turns: [ann], overrides: [{from: 2026-12-24 09:00, to: 2026-12-25 09:00, person: a}]}
"""
INVENTORY = """
subjects:
  vyvx/1: {service_ids: [a], labels: {a: b}, contacts: {lumen: a}}
match:
  - {where: "true"}
"""
TESTS = """
rules: [a.yaml]
sources: {vyvx: {kind: vyvx, blind_after: 1m}}
tests:
  - name: a
    start: 2026-01-01T00:00:00Z
    step: 10s
    subjects:
      vyvx/1:
        labels: {a: b}
        details:
          labels: {a: b}
          bookings: [{id: a, scheduled: [0s, 1h], activated: [[0s, 1h]], terminal: false}]
          notes: [a]
          after: 1s
        history: [{state: a, message: a, start: 0s, end: 1m}]
        series: {state: online}
    inbox: [{at: 1m, do: ack, rule: r, subject: a}]
    expect:
      - {at: 1m, pending: {r: a}, firing: {r: a}, incidents: [{rule: r, opened: 1m}],
         told: [{text: a, at: 1m}], quiet: [a]}
"""


def filled(document: object, models: list[type[BaseModel]]) -> Iterator[tuple[object, ...]]:
    """Yield the path of every key that a document has or could have, and of each item."""
    if isinstance(document, list):
        for number, item in enumerate(document):
            yield (number,)
            yield from ((number, *path) for path in filled(item, models))
    if not isinstance(document, dict):
        return
    fields = {
        info.alias or name: [*config_words.models_in(info.annotation)]
        for outer in models
        for name, info in outer.model_fields.items()
    }
    for key in {**document, **fields}:
        yield (key,)
        if key in document:
            yield from ((key, *path) for path in filled(document[key], fields.get(key, models)))


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(of)}" for key, of in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def spoiled(document: dict, path: tuple, value: object) -> dict:
    whole = copy.deepcopy(document)
    inner = whole
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return whole


def check(lines: tuple[str, ...], path: tuple, value: object) -> None:
    for line in lines:
        where = f"{path} = {value!r}: {line}"
        words = line.partition(": ")[2]
        assert not TYPES.search(words.replace(repr(value), "")), where
        assert "is not valid here" not in line, where
        for sentence in PYDANTICS:
            assert not sentence.search(words), f"{where}\n{sentence.pattern}"


def test_no_wrong_value_of_the_configuration_is_answered_in_pydantics_words(tmp_path):
    document, faults = tomllib.loads(CONFIG), 0
    file = tmp_path / "config.toml"
    for path in filled(document, [settings.Settings]):
        for value in BAD:
            content = spoiled(document, path, value)
            file.write_text("".join(f"{key} = {toml(of)}\n" for key, of in content.items()))
            try:
                settings.load(file)
            except model.InvalidConfigError as error:
                check(error.problems, path, value)
                faults += 1
    assert faults > 500


@pytest.mark.parametrize(
    ("text", "outer", "inner", "section"),
    [
        (RULES, schema.RuleFile, schema.Rule, "rules"),
        (INVENTORY, schema.InventoryFile, None, ""),
        (TESTS, test_schema.TestFile, test_schema.Test, "tests"),
    ],
)
def test_no_wrong_value_of_a_file_is_answered_in_pydantics_words(text, outer, inner, section):
    document, faults = yaml.safe_load(text), 0
    for path in filled(document, [outer, *([inner] if inner else [])]):
        for value in YAML_BAD:
            content = spoiled(document, path, value)
            problems, written = Problems(), yaml_document.Document(Path("a.yaml"), content)
            validated(outer, written, problems)
            if inner and isinstance(content.get(section), list):
                for number in range(len(content[section])):
                    validated(inner, written, problems, section, number)
            check(problems.lines(), path, value)
            faults += len(problems)
    assert faults > 300


def test_every_pattern_of_a_field_has_words():
    def patterns(schema: type[BaseModel], seen: set) -> Iterator[str]:
        if schema in seen:
            return
        seen.add(schema)
        for info in schema.model_fields.values():
            yield from (p for m in info.metadata if (p := getattr(m, "pattern", None)))
            for inside in config_words.models_in(info.annotation):
                yield from patterns(inside, seen)

    roots = (settings.Settings, schema.RuleFile, schema.Rule, schema.InventoryFile)
    used = {p for root in roots for p in patterns(root, set())}
    assert used == set(config_words.PATTERNS)


def problems_of(tmp_path, text):
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(model.InvalidConfigError) as caught:
        settings.load(tmp_path / "config.toml")
    return [line.removeprefix(f"{tmp_path}/config.toml:") for line in caught.value.problems]


def test_certain_mistakes_are_named_with_the_wrong_word_and_the_right_one(tmp_path):
    text = CONFIG.replace('"C0123456789"', '"#noc"').replace("[receivers.s]", "[receiver.s]")
    (line,) = [line for line in problems_of(tmp_path, text) if "receiver" in line]
    assert line.endswith("receiver: there is no section [receiver]; did you mean [receivers]?")
    text = CONFIG.replace('"C0123456789"', '"#noc"').replace(
        "[sources.v]", "[sources.v]\ninterval = '0s'"
    )
    assert [line.partition(": ")[2] for line in problems_of(tmp_path, text)] == [
        "sources.v.interval: must be longer than 0",
        "receivers.s.channel: '#noc': expected the channel's id, not its name, as in C0123456789",
    ]


def test_what_compares_sections_is_reported_beside_a_section_that_is_not_valid(tmp_path):
    text = CONFIG.replace("[sources.v]", "[sources.v]\naccount = 'gone'\ninterval = 5")
    text = text.replace("key_id", "kee_id").replace("[sources.e]", "[sources.e]\naccount = 'm'")
    assert [line.partition(": ")[2].partition(": ")[0] for line in problems_of(tmp_path, text)] == [
        "accounts.m.key_id",
        "accounts.m.kee_id",
        "sources.v.account",
        "sources.v.interval",
    ]


def test_no_error_shows_a_secret(tmp_path):
    names = settings_problems._secrets(settings.Settings)
    assert {"secret", "client_secret", "bot_token", "password", "token"} <= names
    text = CONFIG.replace('bot_token = "xoxb-1"', 'bot_token = 4711\nbot_tokn = "xoxb-4711"')
    text = text.replace("[mqtt.tls]", "").replace("[mqtt]", 'mqtt = "pass4711"')
    text = 'web = "token4711"\n' + text.replace("[web]", "[[web2]]")
    assert "4711" not in "".join(problems_of(tmp_path, text.replace('mqtt = "pass4711"', "")))

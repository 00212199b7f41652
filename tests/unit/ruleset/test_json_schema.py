"""The JSON Schema of rules, held against rules that are fine and rules that are not."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from watcher.ruleset import schema

ROOT = Path(__file__).parents[3]
DOWN = {"name": "down", "source": "vyvx", "transition": {"field": "state", "to": "offline"}}
FULL = {"metric": "utilization", "above": 80}


@pytest.fixture(scope="module")
def validator():
    whole = schema.as_json_schema()
    jsonschema.Draft202012Validator.check_schema(whole)
    return jsonschema.Draft202012Validator(whole)


@pytest.mark.parametrize("file", sorted(ROOT.glob("rules/*.yaml")), ids=lambda file: file.name)
def test_the_shipped_rules_fit(validator, file):
    validator.validate(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"for": "20s", "keep_firing_for": "1h30m", "severity": "info", "diagnose": True},
        {"notify": "noc"},
        {"notify": ["noc", "mqtt"], "during": "on_air"},
        {"during": ["on_air", "overrun"], "group_by": "labels.site", "group_wait": "10s"},
        {"escalate": [{"after": "15m", "notify": "duty"}], "repeat": "2h"},
        {"inhibited_by": "other", "equal": ["labels.site", "subject"]},
        {"flapping": {"flips": 3}},
        {"hours": {"zone": "UTC", "days": ["mon-fri", "sun"], "from": "08:00", "to": "18:00"}},
        {"hours": [{"zone": "UTC", "days": "mon", "from": "08:00", "to": "18:00"}]},
    ],
)
def test_good_rules_fit(validator, settings):
    validator.validate({"rules": [{**DOWN, **settings}]})


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"sevrity": "info"}, []),
        ({"severity": "bad"}, ["severity"]),
        ({"for": 20}, ["for"]),
        ({"for": "20 seconds"}, ["for"]),
        ({"name": "Down"}, ["name"]),
        ({"notify": []}, ["notify"]),
        ({"during": "always"}, ["during"]),
        ({"diagnose": "yes"}, ["diagnose"]),
        ({"max_services": 0}, ["max_services"]),
        ({"transition": {"field": "state"}}, ["transition"]),
        ({"expression": "true"}, []),
        ({"transition": None}, ["transition"]),
        ({"hours": []}, ["hours"]),
        ({"hours": {"zone": "UTC", "from": "08:00"}}, ["hours"]),
        ({"hours": {"zone": "UTC", "days": "any", "from": "08:00", "to": "18:00"}}, ["hours"]),
    ],
)
def test_bad_rules_do_not_fit(validator, settings, where):
    errors = list(validator.iter_errors({"rules": [{**DOWN, **settings}]}))
    assert where in [list(error.path)[2:] for error in errors]


@pytest.mark.parametrize(
    "settings", [{}, {"below": 5}, {"aggregate": "median"}, {"consecutive": "3"}]
)
def test_thresholds_need_one_limit_and_known_words(validator, settings):
    rule = {"name": "full", "source": "evpl", "threshold": {**FULL, **settings}}
    assert validator.is_valid({"rules": [rule]}) is not bool(settings)


def test_a_rule_without_a_condition_does_not_fit(validator):
    assert not validator.is_valid({"rules": [{"name": "x", "source": "vyvx"}]})


def test_the_whole_file_is_checked(validator):
    assert validator.is_valid({"rules": []})
    assert not validator.is_valid({"rules": [], "ruels": []})
    window = {
        "name": "night",
        "match": {"rule": "*"},
        "zone": "UTC",
        "from": "22:00",
        "to": "06:00",
    }
    assert validator.is_valid({"maintenance": [window], "storm": {"incidents": 5}})
    assert not validator.is_valid({"maintenance": [{**window, "days": "someday"}]})

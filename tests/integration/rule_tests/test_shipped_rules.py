"""The shipped rules keep what rules/tests/ promises, and those tests notice when they do not."""

import copy
import shutil
from pathlib import Path

import pytest
import yaml

from watcher.rule_tests import runner

RULES = Path(__file__).parents[3] / "rules"
FILES = sorted(RULES.glob("*.yaml"))
SHIPPED = [(file, rule) for file in FILES for rule in yaml.safe_load(file.read_text())["rules"]]


@pytest.mark.covers("iod/stuck", "vyvx/overrun", "vyvx/several-reservations")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_of_rules_has_tests_and_they_pass(file):
    results = runner.run([RULES / "tests" / file.name])
    assert list(runner.report(results)) == [f"{len(results)} passed, 0 failed"]


def mutations(rule):
    """Yield the rule as somebody might break it, one setting at a time."""
    worse = {"critical": "info", "warning": "critical", "info": "critical"}
    yield {**rule, "severity": worse[rule.get("severity", "warning")]}
    yield {**rule, "title": "something else"}
    if "blind" in rule:
        yield {**rule, "blind": "1h"}
        return
    yield {**rule, "where": "false"}
    yield {**rule, "keep_firing_for": "90d"}
    if "threshold" in rule:
        for key, limit in (("above", 1.5), ("below", 0.5)):
            if key in rule["threshold"]:
                mutant = copy.deepcopy(rule)
                mutant["threshold"][key] *= limit
                yield mutant
    else:
        yield {**rule, "for": "90d"}


@pytest.mark.parametrize(("file", "rule"), SHIPPED, ids=[rule["name"] for _, rule in SHIPPED])
def test_a_rule_that_is_changed_fails_its_tests(file, rule, tmp_path):
    shutil.copytree(RULES, tmp_path / "rules")
    written = yaml.safe_load(file.read_text())
    place = written["rules"].index(rule)
    for mutant in mutations(rule):
        written["rules"][place] = mutant
        (tmp_path / "rules" / file.name).write_text(yaml.safe_dump(written))
        results = runner.run([tmp_path / "rules" / "tests" / file.name])
        assert any(result.failures for result in results), mutant

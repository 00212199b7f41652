"""Rules about the source that looks for notices of planned works."""

from __future__ import annotations

from datetime import timedelta

import pytest

from watcher import model, ruleset
from watcher.works.settings import Works

SOURCES = ruleset.works_traits(Works.model_validate({"directory": "works", "blind_after": "20m"}))


def load(tmp_path, body: str, sources=SOURCES):
    path = tmp_path / "rules.yaml"
    path.write_text(f"rules:\n  - name: no-mail\n    source: works\n    {body}\n")
    return ruleset.load([str(path)], inventory=None, sources=sources, receivers=("noc",))


def test_a_rule_may_be_about_works_that_cannot_be_seen(tmp_path):
    rules = load(tmp_path, "blind: 5m")
    assert rules.sources["works"].blind_after == timedelta(minutes=20)
    assert [rule.sources for rule in rules.rules] == [{"works"}]


def test_any_other_rule_about_works_is_refused_with_the_reason(tmp_path):
    with pytest.raises(model.InvalidConfigError, match=r"works has no subjects: .* needs blind"):
        load(tmp_path, "transition: {field: state, to: [offline]}")


def test_a_rule_about_works_waits_for_a_mailbox_as_one_about_a_vendor_does(tmp_path):
    [rule] = load(tmp_path, "blind: 5m", {}).rules
    assert rule.sources == frozenset()


def test_without_folder_and_mailbox_there_is_no_such_source():
    assert ruleset.works_traits(Works()) == {}

"""The pages on rules and rule tests: every example loads or passes, and every key is explained."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from watcher import engine, ruleset
from watcher.rule_tests import runner
from watcher.rule_tests import schema as test_schema
from watcher.ruleset import schema
from watcher.vendors.catalog import VENDORS

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
DOCS = ROOT / "docs"
PAGES = [
    (DOCS / page).read_text(encoding="utf-8")
    for page in ("reference/rules.md", "howto/rule-tests.md")
]
EXAMPLES = [
    example
    for page in PAGES
    for example in re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
]
NAME = re.compile(r"# (rules/\S+)\n")
SOURCES = {
    kind: engine.SourceTraits(
        name=kind, kind=kind, blind_after=timedelta(minutes=3), detailed=kind == "vyvx"
    )
    for kind in VENDORS
}


@pytest.fixture
def home(tmp_path):
    """A directory with every file that the pages name."""
    for example in EXAMPLES:
        if name := NAME.match(example):
            file = tmp_path / name[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(example)
    return tmp_path


@pytest.mark.parametrize("example", [example for example in EXAMPLES if "tests:" not in example])
def test_every_example_of_rules_is_loaded(example, tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(example)
    another = tmp_path / "another.yaml"  # as an example may be of maintenance alone
    another.write_text("rules: [{name: another, source: '*', blind: 5m}]")
    loaded = ruleset.load(
        [str(file), str(another)],
        inventory=None,
        sources=SOURCES,
        receivers=["noc", "duty-manager"],
    )
    assert len(loaded.rules) - 1 == example.count("- name:") - example.count("match:")


def test_every_example_of_tests_passes(home):
    results = runner.run([home / "rules" / "tests"])
    assert len(results) == sum("tests:" in example for example in EXAMPLES)
    assert list(runner.report(results)) == [f"{len(results)} passed, 0 failed"]


def test_a_file_that_both_pages_show_is_the_same_on_both():
    files = {}
    for example in EXAMPLES:
        if name := NAME.match(example):
            assert files.setdefault(name[1], example) == example


def keys():
    for shape in (
        schema.Rule,
        schema.Transition,
        schema.Threshold,
        schema.Escalation,
        schema.Flapping,
        schema.Remedy,
        schema.Hours,
        schema.Maintenance,
        schema.Storm,
        test_schema.Test,
        test_schema.Expectation,
        test_schema.Incident,
        test_schema.Details,
        test_schema.Booking,
        test_schema.AlarmEntry,
        test_schema.Action,
    ):
        for name, info in shape.model_fields.items():
            yield f"{shape.__name__}.{info.alias or name}"
    yield from (f"kind.{field}" for vendor in VENDORS.values() for field in vendor.fields.names)


@pytest.mark.parametrize("key", dict.fromkeys(keys()))
def test_every_key_is_explained(key):
    word = key.partition(".")[2]
    code = " ".join(re.findall(r"`([^`\n]+)`", "\n".join(PAGES))) + " ".join(EXAMPLES)
    assert re.search(rf"\b{re.escape(word)}\b", code), f"{key} is not explained"

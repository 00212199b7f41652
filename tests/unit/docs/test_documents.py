"""The documents say what is there: metrics, commands, sections."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from prometheus_client.parser import text_string_to_metric_families

from watcher import cli, settings
from watcher.metrics import Metrics

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
README = (ROOT / "README.md").read_text()


def exposed() -> set[str]:
    metrics = Metrics(version="1", sources=["vyvx"], receivers=["noc"])
    metrics.expression_errors.labels("rule")
    names = set()
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        if not family.name.endswith("_created"):
            names.add(family.name + ("" if family.name.endswith(suffix) else suffix))
    return names


def test_every_metric_is_documented_and_every_documented_metric_is_there():
    table = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    documented = set(re.findall(r"^\| `(watcher_\w+)`", table, re.MULTILINE))
    assert documented == exposed()


def test_every_verb_in_the_readme_exists():
    verbs = set(re.findall(r"^(?:\.venv/bin/)?watcher (\w+)", README, re.MULTILINE))
    commands = set(typer.main.get_command(cli.program).commands)
    assert verbs
    assert verbs <= commands


def test_every_make_target_in_the_readme_exists():
    targets = set(re.findall(r"^make (\w+)", README, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    assert targets == {"demo", "test"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_every_section_of_the_settings_is_in_the_example():
    example = (ROOT / "config.example.toml").read_text()
    for name in settings.Settings.model_fields:
        assert re.search(rf"^\[?{name}\b", example, re.MULTILINE), name


@pytest.mark.parametrize(
    "source", sorted((ROOT / "watcher").rglob("*.py")), ids=lambda path: path.stem
)
def test_every_file_opens_with_what_it_is_for(source):
    assert re.match(r'(#!.*\n)?r?"""\S', source.read_text()), source

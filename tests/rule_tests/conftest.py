"""A directory with one rule and a way to play tests of it."""

import re
import textwrap
from pathlib import Path

import pytest

from watcher.rule_tests import runner

RULE = """\
rules:
  - name: down
    source: vyvx
    transition: {field: state, to: [offline]}
    for: 20s
    keep_firing_for: 1m
    notify: [noc]
    title: "{{ name }} is {{ state }}"
"""


class Desk:
    """Writes rules and tests, and plays them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.write("rules.yaml", RULE)

    def write(self, name: str, text: str) -> Path:
        file = self.directory / name
        file.write_text(textwrap.dedent(text))
        return file

    def play(self, tests: str) -> list[runner.Result]:
        text = textwrap.dedent(tests)
        body = "rules: [rules.yaml]\ntests:\n" + textwrap.indent(text, "  ")
        return runner.run([self.write("tests.yaml", body)])

    def differences(self, tests: str) -> list[str]:
        """Tell what differs: the line, and what comes after the column."""
        results = self.play(tests)
        found = [str(each) for result in results for each in result.differences]
        return [re.sub(r"^.*tests\.yaml:(\d+):\d+:", r"\1:", line) for line in found]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)

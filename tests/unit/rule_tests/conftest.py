"""A directory with one rule, and a way to run tests of it."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

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


class Workspace:
    """Writes rules and tests, and runs them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.write("rules.yaml", RULE)

    def write(self, name: str, text: str) -> Path:
        file = self.directory / name
        file.write_text(textwrap.dedent(text))
        return file

    def run(self, tests: str) -> list[runner.Result]:
        text = textwrap.dedent(tests)
        body = "rules: [rules.yaml]\ntests:\n" + textwrap.indent(text, "  ")
        return runner.run([self.write("tests.yaml", body)])

    def failures(self, tests: str) -> list[str]:
        """Return each failure with its line and without its file and column."""
        results = self.run(tests)
        lines = [str(failure) for result in results for failure in result.failures]
        return [re.sub(r"^.*tests\.yaml:(\d+):\d+:", r"\1:", line) for line in lines]


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture(autouse=True)
def logs_aside() -> Iterator[None]:
    """Keep the log of a test's daemon off standard output."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.configure(**before)

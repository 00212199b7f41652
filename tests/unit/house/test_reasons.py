"""What goes against a rule of the house says why beside it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.unit.house.test_layout import ROOT, files

# There a sleep takes no time: the clock jumps.
VIRTUAL = ("virtual_time", "virtually")
SLEEPS = {"asyncio.sleep", "time.sleep"}
BARE = re.compile(r"# (noqa(: [A-Z]+\d+(, [A-Z]+\d+)*)?|type: ignore(\[[a-z-]+\])?)$")


def is_pause(node: ast.AST) -> bool:
    """Return whether this lets real time pass: `sleep(0)` lets others run."""
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) in SLEEPS
        and not (isinstance(node.args[0], ast.Constant) and node.args[0].value == 0)
    )


def pauses(path: Path) -> list[int]:
    """Return the lines that let real time pass."""
    text = path.read_text()
    if any(word in text for word in VIRTUAL):
        return []
    return [node.lineno for node in ast.walk(ast.parse(text)) if is_pause(node)]


def test_no_test_sleeps_in_the_hope_that_something_has_happened_by_then():
    """What can be awaited is awaited, and what can only be looked at goes through `eventually`."""
    silent = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in files("tests")
        if ROOT / "tests" / "year" not in path.parents
        for line in pauses(path)
        if "  # " not in path.read_text().splitlines()[line - 1]
    ]
    assert silent == []


def test_a_check_is_switched_off_for_a_reason():
    silent = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files("watcher", "tests", "benchmarks", "docs", "packaging", ".ci")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if BARE.search(line)
    ]
    assert silent == []

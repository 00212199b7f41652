"""What rules say of each other: which inhibits which, and which describe one fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watcher.ruleset.compile import WrittenRule
from watcher.ruleset.problems import Problems, suggest


def check_inhibitions(rules: Sequence[WrittenRule], problems: Problems) -> None:
    """Add what is wrong with `inhibited_by`: an unknown rule, or a circle of inhibitions."""
    inhibitors = {written.rule.name: written.rule.inhibited_by or () for written in rules}
    for written in rules:
        for number, name in enumerate(written.rule.inhibited_by or ()):
            if name not in inhibitors:
                what = f"there is no rule {name!r}{suggest(name, inhibitors)}"
                written.report(problems, "inhibited_by", what, number)
            elif _is_inhibited_by(name, written.rule.name, inhibitors):
                what = (
                    f"{name} is itself inhibited by {written.rule.name}: nobody would be notified"
                )
                written.report(problems, "inhibited_by", what, number)


def check_faults(rules: Sequence[WrittenRule], problems: Problems) -> None:
    """Add what is wrong with `fault`: its rules must watch the same, and group it the same way."""
    first: dict[str, WrittenRule] = {}
    for written in rules:
        rule = written.rule
        if rule.fault is None:
            continue
        other = first.setdefault(rule.fault, written).rule
        for key, mine, its in (
            ("source", rule.source, other.source),
            ("group_by", rule.group_by, other.group_by),
        ):
            if mine != its:
                what = f"{other.name} is about the same fault, so {key} must be the same in both"
                written.report(problems, "fault", what)


def _is_inhibited_by(name: str, goal: str, inhibitors: Mapping[str, Sequence[str]]) -> bool:
    """Return whether one rule inhibits another, over any number of steps."""
    visited: set[str] = set()
    waiting = [name]
    while waiting:
        rule = waiting.pop()
        if rule == goal:
            return True
        if rule not in visited:
            visited.add(rule)
            waiting += inhibitors.get(rule, ())
    return False

"""Rules that hold back others: each must exist, and none may hold itself back.

Law: of two rules that held each other back, people would be told of neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watcher.ruleset.compile import Written
from watcher.ruleset.faults import Faults, suggest


def check(rules: Sequence[Written], faults: Faults) -> None:
    """Tell which `inhibited_by` name no rule, or lead back to where they began."""
    by_name = {written.rule.name: written for written in rules}
    names = {name: written.rule.inhibited_by or () for name, written in by_name.items()}
    for written in rules:
        for number, name in enumerate(written.rule.inhibited_by or ()):
            if name not in names:
                what = f"there is no rule {name!r}{suggest(name, names)}"
                written.blame(faults, "inhibited_by", what, number)
            elif _leads(name, written.rule.name, names):
                what = f"{name} is itself held back by {written.rule.name}: nobody would be told"
                written.blame(faults, "inhibited_by", what, number)


def _leads(start: str, goal: str, names: Mapping[str, Sequence[str]]) -> bool:
    """Whether one rule is held back by another, over any number of steps."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            waiting += names.get(name, ())
    return False

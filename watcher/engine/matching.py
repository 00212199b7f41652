"""Whether a silence or a maintenance window speaks of an alert. Pure, and in linear time."""

from __future__ import annotations

from collections.abc import Iterable

from watcher.engine.rule import Rule
from watcher.engine.scene import Scene
from watcher.model import Matcher

NAMES = ("rule", "subject", "source", "severity")
LABELS = "labels."


def fit(matchers: Iterable[Matcher], rule: Rule, scene: Scene) -> bool:
    """Whether all matchers fit an alert of this rule on this subject; a missing label reads ""."""
    return all(
        _is_like(read(each.name, rule, scene), each.value) is not each.negative for each in matchers
    )


def read(name: str, rule: Rule, scene: Scene) -> str:
    """Tell what an alert has under a matcher's name."""
    if name.startswith(LABELS):
        return scene.labels.get(name.removeprefix(LABELS), "")
    match name:
        case "rule":
            return rule.name
        case "subject":
            return scene.key
        case "source":
            return scene.source
        case "severity":
            return str(rule.severity)
        case _:
            return ""


def _is_like(text: str, pattern: str) -> bool:
    """Whether text fits a pattern in which `*` stands for any text."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, place, max(place, end))
        if found < 0:
            return False
        place = found + len(part)
    return place <= end

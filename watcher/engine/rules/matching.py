"""Whether matchers match an alert: its rule and its subject, as the readers of an alert see them.

Law: a missing label has the value "". A label that a rule adds replaces one of the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from watcher.engine.rules.rule import Rule
from watcher.model import Matcher

NAMES = ("rule", "subject", "source", "severity")
LABELS = "labels."


def is_name(name: str) -> bool:
    """Return whether a matcher may have this name."""
    return name in NAMES or (name.startswith(LABELS) and name != LABELS)


class Matched(Protocol):
    """What matchers look at of a subject; a SubjectView is one."""

    @property
    def key(self) -> str:
        """Its key."""

    @property
    def source(self) -> str:
        """Its source's name."""

    @property
    def labels(self) -> Mapping[str, str]:
        """The vendor's labels and the inventory's over them."""


def match(matchers: Iterable[Matcher], rule: Rule, view: Matched) -> bool:
    """Return whether all matchers match an alert."""
    return all(fits(matcher, value_of(matcher.name, rule, view)) for matcher in matchers)


def match_any(sets: Iterable[Iterable[Matcher]], rule: Rule, view: Matched) -> bool:
    """Return whether all matchers of one of several sets match an alert."""
    return any(match(matchers, rule, view) for matchers in sets)


def fits(matcher: Matcher, value: str) -> bool:
    """Return whether one matcher matches what an alert has under its name."""
    return _matches_pattern(value, matcher.value) is not matcher.negative


def value_of(name: str, rule: Rule, view: Matched) -> str:
    """Return what an alert has under a matcher's name."""
    if name.startswith(LABELS):
        label = name.removeprefix(LABELS)
        added = rule.labels.get(label)
        return view.labels.get(label, "") if added is None else added
    match name:
        case "rule":
            return rule.name
        case "subject":
            return view.key
        case "source":
            return view.source
        case "severity":
            return str(rule.severity)
        case _:
            return ""


def _matches_pattern(text: str, pattern: str) -> bool:
    """Return whether text matches a pattern in which `*` stands for any text."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in middle:
        start = text.find(part, place, max(place, end))
        if start < 0:
            return False
        place = start + len(part)
    return place <= end

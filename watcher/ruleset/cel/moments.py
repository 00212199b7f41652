"""What expressions read of `now`, and when that changes: the engine's timers need to know.

The largest parts of an expression that read `now` and nothing else are evaluated by themselves.
While they stay as they are, time alone changes no truth: a rule that reads the hour is evaluated
again each hour, whatever it does with it. `now` is a whole minute, so nothing changes in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from cel_expr_python import cel

from watcher.ruleset.cel import environment
from watcher.ruleset.cel.environment import NOW
from watcher.ruleset.cel.tree import Kind, Node, serialize

_MINUTE = timedelta(minutes=1)
_AHEAD = 24 * 60  # minutes that are looked through; then the engine evaluates, and asks again

Reading = tuple[str, ...]


def minute_of(at: datetime) -> datetime:
    """Return what `now` is at a time."""
    return at.replace(second=0, microsecond=0)


def parts_of(root: Node) -> Iterator[bytes]:
    """Yield the largest parts of an expression that read `now` and nothing else, to be compiled."""
    names = _names(root)
    if NOW not in names:
        return
    if names == {NOW}:
        yield serialize(root)
    elif root.kind is Kind.MACRO and NOW in root.bound:  # its own variable, of this name
        yield from parts_of(root.parts[0])
    else:
        for part in root.parts:
            yield from parts_of(part)


def _names(node: Node) -> frozenset[str]:
    """Return the names that a part reads: those of types, and a macro's variables inside, are not.

    A macro's variable is one to the parts inside it.
    """
    if node.kind is Kind.NAME:
        return frozenset({node.text}) - environment.TYPES - environment.MODULES
    if node.kind is Kind.MACRO:
        inside = frozenset[str]().union(*map(_names, node.parts[1:]))
        return _names(node.parts[0]) | (inside - node.bound)
    return frozenset[str]().union(*map(_names, node.parts))


class Moments:
    """What the expressions of a group, or of a rule, read of `now`."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self.parts = frozenset(parts)
        self._compiled = [environment.compile_tree(part) for part in sorted(self.parts)]
        self._read: tuple[datetime, Reading] | None = None
        self._steady: tuple[datetime, datetime] | None = None  # from a time up to the next change

    def read(self, at: datetime) -> Reading:
        """Return what they read at a time; equal at two times where time makes no difference."""
        minute, last = minute_of(at), self._read
        if last is None or last[0] != minute:
            last = self._read = minute, tuple(_read(part, minute) for part in self._compiled)
        return last[1]

    def next_change(self, after: datetime) -> datetime:
        """Return when they may next read something else, a day later at the latest."""
        steady = self._steady
        if steady is None or not steady[0] <= after < steady[1]:
            steady = self._steady = after, self._next_change(minute_of(after))
        return steady[1]

    def _next_change(self, minute: datetime) -> datetime:
        reading = self.read(minute)
        for number in range(1, _AHEAD):
            at = minute + number * _MINUTE
            if any(
                _read(part, at) != was for part, was in zip(self._compiled, reading, strict=True)
            ):
                return at
        return minute + _AHEAD * _MINUTE


def _read(part: cel.Expression, minute: datetime) -> str:
    result = part.eval(data={NOW: minute})
    return f"{result.type().name()} {result.plain_value()!r}"

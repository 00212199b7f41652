"""A value over time: spans that cover a period without a gap and without an overlap. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import msgspec

V = TypeVar("V")
A = TypeVar("A")
B = TypeVar("B")


# A month of many circuits makes millions: a Struct is made in a tenth of a dataclass's time.
class Span(msgspec.Struct, Generic[V], frozen=True, gc=False):
    """One value from `start` until `end`, which comes later."""

    start: datetime
    end: datetime
    value: V

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return self.end - self.start


def of_changes(
    changes: Iterable[tuple[datetime, V]], start: datetime, end: datetime, *, first: V
) -> list[Span[V]]:
    """Return the spans between changes in the order of their times; `first` holds before them."""
    value, since = first, start
    spans: list[Span[V]] = []
    for at, new in changes:
        if at >= end:
            break
        if at > since and new != value:
            spans.append(Span(since, at, value))
            since = at
        value = new
    return list(_joined((*spans, Span(since, end, value)))) if since < end else spans


def of_windows(
    windows: Iterable[tuple[datetime, datetime]], start: datetime, end: datetime
) -> list[Span[bool]]:
    """Return where any of these windows is open; they may overlap and come in any order."""
    edges: list[tuple[datetime, int]] = []
    for opens, closes in windows:
        if opens < min(closes, end):
            edges += [(max(opens, start), 1), (closes, -1)]
    depth = 0
    changes: list[tuple[datetime, bool]] = []
    for at, step in sorted(edges, key=lambda edge: (edge[0], -edge[1])):
        depth += step
        changes.append((at, depth > 0))
    return of_changes(changes, start, end, first=False)


def combined(
    first: Sequence[Span[A]], second: Sequence[Span[B]], combine: Callable[[A, B], V]
) -> list[Span[V]]:
    """Return what two coverings of one period give together, value by value."""
    return list(_joined(_overlaid(first, second, combine)))


def totals(spans: Iterable[Span[V]]) -> dict[V, timedelta]:
    """Return how long each value held."""
    lengths: defaultdict[V, timedelta] = defaultdict(timedelta)
    for span in spans:
        lengths[span.value] += span.length
    return dict(lengths)


def _overlaid(
    first: Sequence[Span[A]], second: Sequence[Span[B]], combine: Callable[[A, B], V]
) -> Iterator[Span[V]]:
    others = iter(second)
    other = next(others, None)
    for span in first:
        while other is not None and other.end <= span.start:
            other = next(others, None)
        at = span.start
        while other is not None and at < span.end:
            until = min(span.end, other.end)
            yield Span(at, until, combine(span.value, other.value))
            at = until
            if other.end <= at:
                other = next(others, None)


def _joined(spans: Iterable[Span[V]]) -> Iterator[Span[V]]:
    """Yield spans with equal neighbours made one."""
    held: Span[V] | None = None
    for span in spans:
        if held is not None and held.value == span.value:
            held = Span(held.start, span.end, held.value)
            continue
        if held is not None:
            yield held
        held = span
    if held is not None:
        yield held

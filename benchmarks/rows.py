"""What a benchmark is: a measurement of one build, and the rows of ratios that are made of it.

Absolute figures say more about the machine than about Watcher, so each row is a ratio of
one run: to the build that the budgets were written against, and to a limit that no program could
beat. Less is better in every figure; a rate is given as seconds for each change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from builds import Build

Figures = Mapping[str, float]


class Measurement(Protocol):
    """Measures one build; without `small` at the sizes of the budgets."""

    def __call__(self, build: Build, *, small: bool) -> Figures: ...


GATE = 1.5
"""The gate fails when a ratio is worse than its budget by half: its sizes are small, and others
load its machine."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: a figure of the measurement, and what it may be.

    `limit` names the figure of the same measurement that no program could beat. Where a budget is
    not met yet, `reached_before` or `reached_limit` says what is: the gate holds that, while
    `within` stays honest; docs/discussions/performance.md says why it is not met.
    """

    name: str
    figure: str
    unit: str
    to_before: float | None = None
    limit: str | None = None
    to_limit: float | None = None
    reached_before: float = 0.0
    reached_limit: float = 0.0
    gate: bool = True


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A measurement of one build, run for both in turn; the least of each figure counts.

    With `small` its measurement takes at most some seconds.
    """

    measure: Measurement
    rows: tuple[Row, ...]
    repeats: int = 3
    small_repeats: int = 3
    in_gate: bool = True


def least(measured: list[Figures]) -> Figures:
    """Return the least of each figure: what makes one larger is the machine's other work."""
    return (
        {name: min(figures[name] for figures in measured) for name in measured[0]}
        if measured
        else {}
    )


def run(bench: Bench, now: Build, before: Build | None, *, small: bool) -> tuple[Figures, Figures]:
    """Measure both builds in turn, so that what slows the machine down slows both."""
    figures: dict[str, list[Figures]] = {"now": [], "before": []}
    for _ in range(bench.small_repeats if small else bench.repeats):
        if before is not None:
            figures["before"].append(bench.measure(before, small=small))
        figures["now"].append(bench.measure(now, small=small))
    return least(figures["now"]), least(figures["before"])


def evaluate(row: Row, now: Figures, before: Figures, *, why_no_before: str = "") -> dict[str, Any]:
    """Return the row's JSON document."""
    value, was = now[row.figure], before.get(row.figure)
    limit = now[row.limit] if row.limit else None
    line: dict[str, Any] = {"row": row.name, "unit": row.unit, "now": _short(value)}
    line |= {"before": _short(was), "limit": _short(limit)}
    line |= {"ratio_to_before": _ratio(value, was), "budget_to_before": row.to_before}
    line |= {"ratio_to_limit": _ratio(value, limit), "budget_to_limit": row.to_limit}
    pairs = (
        (line["ratio_to_before"], row.to_before),
        (line["ratio_to_limit"], row.to_limit),
    )
    evaluated = [ratio <= budget for ratio, budget in pairs if ratio is not None and budget]
    line["within"] = all(evaluated) if evaluated else None
    if was is None and row.to_before is not None:
        line["note"] = why_no_before or "the build before cannot do this"
    return line


def passes_gate(row: Row, line: Mapping[str, Any]) -> bool:
    """Say whether no ratio is worse by half than its budget, or than what is reached so far."""
    pairs = (
        (line["ratio_to_before"], row.to_before, row.reached_before),
        (line["ratio_to_limit"], row.to_limit, row.reached_limit),
    )
    return not row.gate or all(
        ratio <= GATE * max(budget, reached)
        for ratio, budget, reached in pairs
        if ratio is not None and budget
    )


def show(line: Mapping[str, Any]) -> None:
    """Print a row at once: the next one may take minutes."""
    print(json.dumps(line), flush=True)


def _ratio(value: float, other: float | None) -> float | None:
    return round(value / other, 3) if other else None


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")

"""CPU of step() for each change, under 20 rules."""

from __future__ import annotations

from builds import Build
from rows import Bench, Figures, Row


def measure(build: Build, *, small: bool) -> Figures:
    return build.probe("step", 1_000 if small else 5_000)


BENCHES = (
    Bench(
        measure=measure,
        small_repeats=7,  # the small ratios of single runs differ by a third
        rows=(
            Row(
                name="step(), 20 rules of which 2 match",
                figure="two_match",
                unit="CPU s for each change",
                to_before=0.4,
                reached_before=0.63,
                limit="limit",
            ),
            Row(
                name="step(), 20 rules, none matches",
                figure="none_matches",
                unit="CPU s for each change",
                limit="limit",
            ),
            Row(
                name="step(), 20 expressions",
                figure="expressions",
                unit="CPU s for each change",
                to_before=0.333,
                limit="limit",
            ),
        ),
    ),
)

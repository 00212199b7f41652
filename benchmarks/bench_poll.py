"""CPU of one poll of 100,000 services under 20 rules."""

from __future__ import annotations

from builds import Build
from rows import Bench, Figures, Row


def measure(build: Build, *, small: bool) -> Figures:
    return build.probe("poll", *((10_000, 7) if small else (100_000, 7)))


BENCHES = (
    Bench(
        measure=measure,
        rows=(
            Row(
                name="a poll, nothing changed",
                figure="unchanged",
                unit="CPU s",
                limit="unchanged_limit",
                to_limit=1.3,
            ),
            Row(
                name="a poll, 1 % changed",
                figure="changed",
                unit="CPU s",
                limit="changed_limit",
                to_limit=2.5,
                reached_limit=5.0,
            ),
        ),
        repeats=2,
        small_repeats=2,
    ),
)

"""CPU of replaying, and of reporting, a month of 2,000 reservations."""

from __future__ import annotations

from builds import Build
from rows import Bench, Figures, Row


def measure(build: Build, *, small: bool) -> Figures:
    return build.probe("replay", 100 if small else 2_000)


BENCHES = (
    Bench(
        measure=measure,
        rows=(
            Row(
                name="replay of a month",
                figure="replay",
                unit="CPU s",
                to_before=0.333,
                reached_before=1.0,
                limit="limit",
            ),
            Row(name="report of a month", figure="report", unit="CPU s", limit="limit"),
        ),
        repeats=2,
        small_repeats=1,
    ),
)

"""What one service costs among 1,000,000, beside what it costs among 10,000.

The cost for each service must not grow with their number. Among 1,000 what a poll costs whatever it
says still counts. Processor caches hold 10,000 services and not 1,000,000, hence some leeway.
"""

from __future__ import annotations

from builds import Build
from rows import Bench, Figures, Row

SIZES = (10_000, 100_000, 1_000_000)
SMALL = (10_000, 50_000)
LEEWAY = 1.25
WHAT = {
    "first": "the first poll",
    "unchanged": "a poll, nothing changed",
    "down": "a poll, 1 % down",
    "firing": "1 % of alerts fire",
    "recovered": "a poll, 1 % recovered",
}


def measure(build: Build, *, small: bool) -> Figures:
    if build.is_before:
        return {}  # it is compared with itself among fewer services
    figures: dict[str, float] = {}
    for number, services in enumerate(SMALL if small else SIZES):
        for name, spent in build.probe("growth", services, 3).items():
            figures[f"{name}_{number}"] = spent
    return figures


BENCHES = (
    Bench(
        measure=measure,
        rows=tuple(
            Row(
                name=f"growth, for each of {services:,} services: {what}",
                figure=f"{figure}_{number}",
                unit="CPU s",
                limit=f"{figure}_0",
                to_limit=LEEWAY,
            )
            for number, services in enumerate(SIZES)
            if number
            for figure, what in WHAT.items()
        )
        + tuple(
            Row(
                name=f"growth, for each of {services:,} services: memory",
                figure=f"memory_{number}",
                unit="bytes",
                limit="memory_0",
                to_limit=LEEWAY,
            )
            for number, services in enumerate(SIZES)
            if number
        ),
        repeats=1,
        small_repeats=2,
    ),
)

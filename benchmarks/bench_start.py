"""How soon a daemon is READY that knows 10,000 services, or one: from its start to its sd_notify.

The CPU seconds until then are the steadier figure; the wall clock says what an operator waits.
"""

from __future__ import annotations

import asyncio

from builds import Build
from environment import run_environment, wait_until
from rows import Bench, Figures, Row

RULES = """
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}}
"""
STARTS = 3


async def ready(build: Build, services: int) -> tuple[float, float]:
    """Return the least wall and CPU seconds of some starts."""
    measured = []
    async with run_environment(services, RULES) as environment:
        async with environment.daemon(build):
            await wait_until(lambda: environment.count("subjects") == services)
        for _ in range(STARTS):
            async with environment.daemon(build) as daemon:
                measured.append((daemon.ready_after, daemon.ready_cpu))
    return min(wall for wall, _ in measured), min(cpu for _, cpu in measured)


def measure(build: Build, *, small: bool) -> Figures:
    one_wall, one_cpu = asyncio.run(ready(build, 1))
    if small:
        return {"one": one_wall, "one_cpu": one_cpu}
    many_wall, many_cpu = asyncio.run(ready(build, 10_000))
    return {"one": one_wall, "one_cpu": one_cpu, "many": many_wall, "many_cpu": many_cpu}


def row(name: str, figure: str, unit: str) -> Row:
    return Row(
        name=name,
        figure=figure,
        unit=unit,
        to_before=0.45,
        reached_before=0.7,
        gate=figure.endswith("cpu"),  # a wall clock says more of the machine
    )


BENCHES = (
    Bench(
        measure=measure,
        rows=(
            row("start to READY, one known subject", "one", "s"),
            row("start to READY, one known subject: CPU", "one_cpu", "CPU s"),
            row("start to READY, 10,000 known subjects", "many", "s"),
            row("start to READY, 10,000 known subjects: CPU", "many_cpu", "CPU s"),
        ),
        repeats=2,
        small_repeats=1,
    ),
)
